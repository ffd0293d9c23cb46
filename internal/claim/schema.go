package claim

import "github.com/binnaclehq/binnacle/internal/sqldb"

// Migrations returns the tables of claims.
//
// claim_runs holds every run, append-only; claim_heads the end of each chain;
// claim_results the answers in full by their hash, kept once however often they
// are given; claim_due what is to be run when; claim_sources what each test
// reads; claim_states the present state of each claim; claim_turns every change
// of state.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "claim/001", SQL: `
CREATE TABLE claim_runs (
  org TEXT NOT NULL, claim TEXT NOT NULL, seq BIGINT NOT NULL, test TEXT NOT NULL, at BIGINT NOT NULL, as_of BIGINT NOT NULL, feed BIGINT NOT NULL,
  n BIGINT NOT NULL, exceptions BIGINT NOT NULL, excused BIGINT NOT NULL, value DOUBLE PRECISION, verdict TEXT NOT NULL, zone TEXT NOT NULL,
  reason TEXT NOT NULL, asserted INTEGER NOT NULL, by_whom TEXT NOT NULL, note TEXT NOT NULL, until BIGINT NOT NULL, source TEXT NOT NULL,
  excused_by TEXT NOT NULL, excused_until BIGINT NOT NULL, why TEXT NOT NULL, query TEXT NOT NULL, result TEXT NOT NULL,
  prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (org, claim, seq))
;;
CREATE INDEX claim_runs_test ON claim_runs (org, claim, test, as_of, seq)
;;
CREATE TABLE claim_heads (org TEXT NOT NULL, claim TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (org, claim))
;;
CREATE TABLE claim_results (org TEXT NOT NULL, hash TEXT NOT NULL, kind TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (org, hash))
;;
CREATE TABLE claim_last (org TEXT NOT NULL, claim TEXT NOT NULL, test TEXT NOT NULL, seq BIGINT NOT NULL, place BIGINT NOT NULL, PRIMARY KEY (org, claim, test))
;;
CREATE TABLE claim_due (org TEXT NOT NULL, claim TEXT NOT NULL, test TEXT NOT NULL, due BIGINT NOT NULL, why TEXT NOT NULL, mark BIGINT NOT NULL, PRIMARY KEY (org, claim, test))
;;
CREATE INDEX claim_due_when ON claim_due (due)
;;
CREATE TABLE claim_sources (org TEXT NOT NULL, claim TEXT NOT NULL, test TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (org, claim, test, source))
;;
CREATE INDEX claim_sources_of ON claim_sources (org, source)
;;
CREATE TABLE claim_states (
  org TEXT NOT NULL, claim TEXT NOT NULL, ref TEXT NOT NULL, kind TEXT NOT NULL, room TEXT NOT NULL, owner TEXT NOT NULL, title TEXT NOT NULL, subject TEXT NOT NULL,
  own TEXT NOT NULL, state TEXT NOT NULL, disputed INTEGER NOT NULL, zone TEXT NOT NULL, value DOUBLE PRECISION, doubts TEXT NOT NULL,
  asserted INTEGER NOT NULL, since BIGINT NOT NULL, turns BIGINT NOT NULL, updated BIGINT NOT NULL, PRIMARY KEY (org, claim))
;;
CREATE INDEX claim_states_state ON claim_states (org, state, since)
;;
CREATE INDEX claim_states_turns ON claim_states (turns)
;;
CREATE TABLE claim_turns (
  org TEXT NOT NULL, claim TEXT NOT NULL, at BIGINT NOT NULL, seq BIGINT NOT NULL, was TEXT NOT NULL, state TEXT NOT NULL, zone TEXT NOT NULL, value DOUBLE PRECISION, why TEXT NOT NULL,
  PRIMARY KEY (org, claim, at, seq))
;;
CREATE INDEX claim_turns_at ON claim_turns (org, at)
;;
CREATE TABLE claim_keys (id BIGINT PRIMARY KEY, public TEXT NOT NULL, sealed TEXT NOT NULL, made BIGINT NOT NULL)
`, SQLite: `
CREATE TRIGGER claim_runs_no_update BEFORE UPDATE ON claim_runs BEGIN SELECT RAISE(ABORT, 'runs are append-only'); END
;;
CREATE TRIGGER claim_runs_no_delete BEFORE DELETE ON claim_runs BEGIN SELECT RAISE(ABORT, 'runs are append-only'); END
`, Postgres: `
CREATE FUNCTION claim_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'runs are append-only'; END $$
;;
CREATE TRIGGER claim_runs_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON claim_runs FOR EACH STATEMENT EXECUTE FUNCTION claim_refuse()
`}}
}
