CREATE TABLE auth_orgs (
	id      TEXT PRIMARY KEY,
	title   TEXT NOT NULL,
	home    INTEGER NOT NULL DEFAULT 0,
	created BIGINT NOT NULL
)
;;
CREATE UNIQUE INDEX auth_orgs_home ON auth_orgs (home) WHERE home = 1
;;
CREATE TABLE auth_accounts (
	id           TEXT PRIMARY KEY,
	email        TEXT NOT NULL UNIQUE,
	name         TEXT NOT NULL,
	handle       TEXT NOT NULL UNIQUE,
	password     TEXT NOT NULL DEFAULT '',
	totp         TEXT NOT NULL DEFAULT '',
	totp_pending TEXT NOT NULL DEFAULT '',
	totp_step    BIGINT NOT NULL DEFAULT 0,
	disabled     BIGINT NOT NULL DEFAULT 0,
	last_org     TEXT NOT NULL DEFAULT '',
	prefs        TEXT NOT NULL DEFAULT '{}',
	created      BIGINT NOT NULL,
	signed_in    BIGINT NOT NULL DEFAULT 0
)
;;
CREATE TABLE auth_setup (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	account TEXT NOT NULL REFERENCES auth_accounts (id),
	at      BIGINT NOT NULL
)
;;
CREATE TABLE auth_memberships (
	org      TEXT NOT NULL REFERENCES auth_orgs (id),
	account  TEXT NOT NULL REFERENCES auth_accounts (id),
	role     TEXT NOT NULL,
	user_ref TEXT NOT NULL DEFAULT '',
	expires  BIGINT NOT NULL DEFAULT 0,
	created  BIGINT NOT NULL,
	PRIMARY KEY (org, account)
)
;;
CREATE INDEX auth_memberships_account ON auth_memberships (account)
;;
CREATE TABLE auth_sessions (
	hash    TEXT PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	account TEXT NOT NULL REFERENCES auth_accounts (id),
	org     TEXT NOT NULL REFERENCES auth_orgs (id),
	pinned  INTEGER NOT NULL DEFAULT 0,
	method  TEXT NOT NULL,
	ip      TEXT NOT NULL,
	agent   TEXT NOT NULL,
	created BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	expires BIGINT NOT NULL
)
;;
CREATE INDEX auth_sessions_account ON auth_sessions (account)
;;
CREATE INDEX auth_sessions_expires ON auth_sessions (expires)
;;
CREATE TABLE auth_links (
	hash           TEXT PRIMARY KEY,
	id             TEXT NOT NULL UNIQUE,
	kind           TEXT NOT NULL,
	org            TEXT NOT NULL,
	account        TEXT NOT NULL DEFAULT '',
	email          TEXT NOT NULL DEFAULT '',
	name           TEXT NOT NULL DEFAULT '',
	role           TEXT NOT NULL DEFAULT '',
	user_ref       TEXT NOT NULL DEFAULT '',
	member_expires BIGINT NOT NULL DEFAULT 0,
	made_by        TEXT NOT NULL,
	made_by_name   TEXT NOT NULL,
	created        BIGINT NOT NULL,
	expires        BIGINT NOT NULL,
	used           BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX auth_links_org ON auth_links (org, kind)
;;
CREATE TABLE auth_limits (
	id    TEXT PRIMARY KEY,
	fails INTEGER NOT NULL,
	at    BIGINT NOT NULL,
	until BIGINT NOT NULL,
	told  BIGINT NOT NULL DEFAULT 0
)
