/* Copyright (c) 2026 dovecot-migration authors, see the included COPYING file */

#include "lib.h"
#include "array.h"
#include "time-util.h"
#include "migration-features.h"
#include "migration-settings.h"
#include "migration-store.h"
#include "migration-text.h"
#include "doveadm-migration-probe.h"

struct probe_show {
	const struct migration_provider_settings *provider;
	doveadm_migration_probe_row_t *row;
	void *context;
};

static void
probe_known(struct probe_show *show, const char *check, const char *detail)
{
	show->row(check, "known", detail, show->context);
}

static void probe_unknown(struct probe_show *show, const char *why)
{
	show->row("server", "unknown", why, show->context);
}

static void probe_show_server(struct probe_show *show,
			      const struct migration_provider_probe *probe)
{
	const char *name = *probe->name == '\0' ? "unnamed" : probe->name;

	if (*probe->version != '\0')
		name = t_strdup_printf("%s %s", name, probe->version);
	probe_known(show, "server",
		    t_strdup_printf("%s, looked at %s",
				    migration_text_sanitize(name),
				    t_strflocaltime("%Y-%m-%d %H:%M:%S",
						    probe->probed)));
}

static void
probe_show_capabilities(struct probe_show *show,
			const struct migration_provider_probe *probe)
{
	const char *const *offered =
		t_strsplit_spaces(probe->capabilities, " ");
	struct migration_features features;
	enum migration_feature set;
	ARRAY_TYPE(const_string) unused;
	const char *error;

	probe_known(show, "offers",
		    migration_text_sanitize(probe->capabilities));
	if (migration_features_parse(show->provider->features, &set, &error) <
	    0)
		i_unreached(); /* the settings were checked */
	migration_features_get(pool_datastack_create(), set, offered,
			       &features);
	t_array_init(&unused, 8);
	for (; *offered != NULL; offered++) {
		if (!migration_features_has(&features, *offered))
			array_push_back(&unused, offered);
	}
	probe_known(show, "unused", t_array_const_string_join(&unused, " "));
	probe_known(show, "quirks",
		    migration_quirks_to_string(features.quirks));
}

static void probe_show_prefix(struct probe_show *show,
			      const struct migration_provider_probe *probe)
{
	const char *list_prefix = show->provider->list_prefix;
	const char *text;

	text = t_strdup_printf("%s, separator %s",
			       *probe->prefix == '\0' ? "none" : probe->prefix,
			       *probe->sep == '\0' ? "none" : probe->sep);
	if (*list_prefix != '\0') {
		text = t_strdup_printf("%s; used: list_prefix = %s", text,
				       list_prefix);
	}
	probe_known(show, "prefix", migration_text_sanitize(text));
}

static void
probe_callback(int ret, const struct migration_provider_probe *probe,
	       const char *error, void *context)
{
	struct probe_show *show = context;

	if (ret < 0) {
		probe_unknown(show, error);
	} else if (ret == 0) {
		probe_unknown(show, "not probed yet: at the first sync");
	} else {
		probe_show_server(show, probe);
		probe_show_capabilities(show, probe);
		probe_show_prefix(show, probe);
	}
}

void doveadm_migration_probe_show(
	struct doveadm_migration_cmd *cmd,
	const struct migration_provider_settings *provider,
	doveadm_migration_probe_row_t *row, void *context)
{
	struct probe_show show = {
		.provider = provider,
		.row = row,
		.context = context,
	};
	const char *error;

	if (cmd->store == NULL &&
	    doveadm_migration_cmd_try_store(cmd, &error) < 0) {
		probe_unknown(&show, error);
		return;
	}
	migration_store_get_probe(cmd->store, provider->name, probe_callback,
				  &show);
	migration_store_wait(cmd->store);
}
