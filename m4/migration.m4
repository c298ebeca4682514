# MIGRATION_ASAN: --enable-asan builds everything with AddressSanitizer.
# (--enable-ubsan comes with Dovecot's own DC_DOVECOT.)
AC_DEFUN([MIGRATION_ASAN], [
  AC_ARG_ENABLE([asan],
    AS_HELP_STRING([--enable-asan], [Enable AddressSanitizer (default: no)]),
    [want_asan=$enableval], [want_asan=no])
  AS_IF([test "x$want_asan" = xyes], [
    gl_COMPILER_OPTION_IF([-fsanitize=address], [
      CFLAGS="$CFLAGS -fsanitize=address -fno-omit-frame-pointer"
    ], [AC_MSG_ERROR([the compiler has no -fsanitize=address])],
    [AC_LANG_PROGRAM()])
    dnl valgrind cannot run what AddressSanitizer instrumented
    RUN_TEST=
  ])
])

# MIGRATION_CHECK_CA_FILE: the certificates that a provider without ssl_ca_file is
# verified against, the same ones in auth (libcurl) and in the worker (imapc).
AC_DEFUN([MIGRATION_CHECK_CA_FILE], [
  AC_ARG_WITH([ca-file],
    AS_HELP_STRING([--with-ca-file=FILE],
      [Default CA bundle for providers (default: the system's)]),
    [migration_ca_file=$withval], [
      migration_ca_file=
      for file in /etc/ssl/certs/ca-certificates.crt \
		  /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        AS_IF([test -z "$migration_ca_file" && test -f "$file"],
              [migration_ca_file=$file])
      done
      AS_IF([test -z "$migration_ca_file"],
            [migration_ca_file=/etc/ssl/certs/ca-certificates.crt])
    ])
  AC_DEFINE_UNQUOTED([MIGRATION_CA_FILE], ["$migration_ca_file"],
    [CA bundle for providers without ssl_ca_file])
  AC_SUBST([migration_ca_file])
])
