#ifndef MIGRATION_HOME_H
#define MIGRATION_HOME_H

/* Is a login's user at home here, or may the provider be asked? "Whose account
   it is" in doc/states.md. Pure; auth asks and obeys.

   The passdbs, the queue, the userdbs and the provider are asked in this order,
   and each answers for its own moment. Another login of the same user may have
   created the account in between, so an answer that is explained by that is not
   believed before the queue was asked again. */

/* What the queue knows of the user. */
enum migration_home_record {
	MIGRATION_HOME_RECORD_NONE,
	/* An account without an unfinished migration. */
	MIGRATION_HOME_RECORD_ACCOUNT,
	MIGRATION_HOME_RECORD_UNFINISHED,
};

/* What the local databases say. */
enum migration_home {
	MIGRATION_HOME_NOT_ASKED,
	MIGRATION_HOME_UNKNOWN_USER,
	/* Known to a passdb, asked before the queue. */
	MIGRATION_HOME_PASSDB,
	/* Known to a userdb, asked after the queue. */
	MIGRATION_HOME_USERDB,
	/* A database did not answer. */
	MIGRATION_HOME_UNSURE,
};

struct migration_home_search {
	/* the latest answer */
	enum migration_home_record record;
	enum migration_home databases;
	/* The provider has accepted the password, but the queue did not take
	   it: the account has changed since it was looked up. */
	bool not_taken;
	/* The queue was asked again after the userdbs or, with not_taken, after
	   the provider. */
	bool asked_again;
};

enum migration_home_step {
	MIGRATION_HOME_STEP_DATABASES,
	MIGRATION_HOME_STEP_ASK_AGAIN,
	/* Go on with the unfinished migration; with not_taken the provider is
	   not asked a second time. */
	MIGRATION_HOME_STEP_RECORD,
	/* Nobody here knows the user. */
	MIGRATION_HOME_STEP_PROVIDER,
	/* Whoever has the user here has refused the password. */
	MIGRATION_HOME_STEP_AT_HOME,
	/* The account has just come or changed, and nobody has compared the
	   password with it: the user is to try again. */
	MIGRATION_HOME_STEP_CHANGED,
	MIGRATION_HOME_STEP_UNSURE,
};

/* Asks again at most once before and once after the provider. */
enum migration_home_step
migration_home_next(const struct migration_home_search *search);

#endif
