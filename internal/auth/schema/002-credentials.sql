CREATE TABLE auth_recovery_codes (
	account TEXT NOT NULL REFERENCES auth_accounts (id),
	hash    TEXT NOT NULL,
	PRIMARY KEY (account, hash)
)
;;
CREATE TABLE auth_passkeys (
	id         TEXT PRIMARY KEY,
	account    TEXT NOT NULL REFERENCES auth_accounts (id),
	rpid       TEXT NOT NULL,
	name       TEXT NOT NULL,
	credential TEXT NOT NULL,
	created    BIGINT NOT NULL,
	used       BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX auth_passkeys_account ON auth_passkeys (account)
;;
CREATE TABLE auth_challenges (
	hash    TEXT PRIMARY KEY,
	kind    TEXT NOT NULL,
	account TEXT NOT NULL DEFAULT '',
	data    TEXT NOT NULL,
	expires BIGINT NOT NULL
)
;;
CREATE INDEX auth_challenges_expires ON auth_challenges (expires)
;;
CREATE TABLE auth_providers (
	id           TEXT PRIMARY KEY,
	org          TEXT NOT NULL REFERENCES auth_orgs (id),
	title        TEXT NOT NULL,
	issuer       TEXT NOT NULL,
	client       TEXT NOT NULL,
	secret       TEXT NOT NULL,
	scopes       TEXT NOT NULL DEFAULT '[]',
	role_claim   TEXT NOT NULL DEFAULT '',
	role_map     TEXT NOT NULL DEFAULT '{}',
	default_role TEXT NOT NULL DEFAULT '',
	domains      TEXT NOT NULL DEFAULT '[]',
	auto_create  INTEGER NOT NULL DEFAULT 0,
	disabled     INTEGER NOT NULL DEFAULT 0,
	created      BIGINT NOT NULL
)
;;
CREATE INDEX auth_providers_org ON auth_providers (org)
;;
CREATE TABLE auth_identities (
	provider TEXT NOT NULL REFERENCES auth_providers (id),
	issuer   TEXT NOT NULL,
	subject  TEXT NOT NULL,
	account  TEXT NOT NULL REFERENCES auth_accounts (id),
	email    TEXT NOT NULL,
	created  BIGINT NOT NULL,
	PRIMARY KEY (provider, issuer, subject)
)
;;
CREATE INDEX auth_identities_account ON auth_identities (account)
;;
CREATE TABLE auth_tokens (
	hash         TEXT PRIMARY KEY,
	id           TEXT NOT NULL UNIQUE,
	org          TEXT NOT NULL REFERENCES auth_orgs (id),
	account      TEXT NOT NULL DEFAULT '',
	name         TEXT NOT NULL,
	prefix       TEXT NOT NULL,
	cap          TEXT NOT NULL DEFAULT '',
	scopes       TEXT NOT NULL,
	made_by      TEXT NOT NULL,
	made_by_name TEXT NOT NULL,
	created      BIGINT NOT NULL,
	expires      BIGINT NOT NULL,
	used         BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX auth_tokens_org ON auth_tokens (org, account)
;;
CREATE TABLE auth_keys (
	id      TEXT PRIMARY KEY,
	canary  TEXT NOT NULL,
	created BIGINT NOT NULL
)
