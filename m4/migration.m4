# MIGRATION_CHECK_DOVECOT: which of its interfaces this Dovecot has. What they
# are for is in migration-config.h.in, what is made of them in src/compat.
AC_DEFUN([MIGRATION_CHECK_DOVECOT], [
  migration_saved_CPPFLAGS=$CPPFLAGS
  # config.h is Dovecot's own
  CPPFLAGS="$CPPFLAGS -DHAVE_CONFIG_H $LIBDOVECOT_INCLUDE"
  AC_CHECK_HEADER([lib.h], [], [AC_MSG_ERROR([Dovecot's headers are missing])],
    [AC_INCLUDES_DEFAULT])
  MIGRATION_CHECK_DECL([str_begins_with], [])
  MIGRATION_CHECK_DECL([EVENT_FILTER_MERGE_OP_OR], [#include "event-filter.h"])
  MIGRATION_CHECK_DECL([ISTREAM_DOT_LOOSE_EOT], [#include "istream-dot.h"])
  MIGRATION_CHECK_DECL([settings_get], [#include "settings.h"])
  MIGRATION_CHECK_DECL([master_service_get_service_settings],
    [#include "master-service.h"
     #include "master-service-settings.h"])
  MIGRATION_CHECK_DECL([sql_init_auto], [#include "sql-api.h"])
  MIGRATION_CHECK_DECL([mail_index_get_last_error], [#include "mail-index.h"])
  MIGRATION_CHECK_DECL([ssl_client_settings_get], [#include "iostream-ssl.h"])
  MIGRATION_CHECK_DECL([IMAPC_PARAMETER_CLIENT_DISABLED],
    [#include "imapc-client.h"])
  MIGRATION_CHECK_DECL([password_schemes_register_all],
    [#include "array.h"
     #include "password-scheme.h"])
  MIGRATION_CHECK_DECL([ipc_client_init], [#include "ipc-client.h"])
  AC_CHECK_MEMBERS([struct mail_namespace_settings.parsed_mailboxes,
		    struct mail_storage_service_input.module,
		    struct auth_passdb_settings.use_worker], [], [],
    [[#include "lib.h"
      #include "array.h"
      #include "mail-storage-settings.h"
      #include "mail-storage-service.h"
      #include "auth-settings.h"]])
  CPPFLAGS=$migration_saved_CPPFLAGS
])

# MIGRATION_CHECK_DECL(NAME, INCLUDES): defines HAVE_NAME.
AC_DEFUN([MIGRATION_CHECK_DECL], [
  AC_CHECK_DECL([$1],
    [AC_DEFINE(AS_TR_CPP([HAVE_$1]), [1], [see migration-config.h.in])], [],
    [[#include "lib.h"]
     $2])
])

# MIGRATION_RUN_TEST: unit tests run under valgrind if there is one. (2.3's own
# wrapper is made by configure, 2.4's is a file of its sources: ours is for both.)
AC_DEFUN([MIGRATION_RUN_TEST], [
  AS_IF([test "x$RUN_TEST" != x], [
    RUN_TEST='$(LIBTOOL) execute $(SHELL) $(top_builddir)/build-aux/run-test.sh'
  ])
])

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
