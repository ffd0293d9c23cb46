package alerts

import "github.com/binnaclehq/binnacle/internal/sqldb"

// migrations are the tables of alerts. alert_changes is append-only: with it the
// alerts are known as of any moment.
func migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "alerts/001", SQL: `
CREATE TABLE alert_heads (org TEXT NOT NULL, what TEXT NOT NULL, no BIGINT NOT NULL, PRIMARY KEY (org, what))
;;
CREATE TABLE alerts (
  org TEXT NOT NULL, no BIGINT NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL, title TEXT NOT NULL, told TEXT NOT NULL, level TEXT NOT NULL,
  group_key TEXT NOT NULL, grouped TEXT NOT NULL, fields TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, late BIGINT NOT NULL,
  severity TEXT NOT NULL, risk BIGINT NOT NULL, reasons TEXT NOT NULL, asset TEXT NOT NULL, tier BIGINT NOT NULL, people TEXT NOT NULL,
  events BIGINT NOT NULL, exact BIGINT NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL,
  created BIGINT NOT NULL, acknowledged BIGINT NOT NULL, closed BIGINT NOT NULL,
  state TEXT NOT NULL, assignee TEXT NOT NULL, disposition TEXT NOT NULL, reason TEXT NOT NULL, case_name TEXT NOT NULL,
  PRIMARY KEY (org, no))
;;
CREATE UNIQUE INDEX alerts_name ON alerts (org, name)
;;
CREATE INDEX alerts_group ON alerts (org, group_key, no)
;;
CREATE INDEX alerts_rule ON alerts (org, rule, no)
;;
CREATE INDEX alerts_asset ON alerts (org, asset, no)
;;
CREATE INDEX alerts_case ON alerts (org, case_name, no)
;;
CREATE INDEX alerts_open ON alerts (org, severity, created) WHERE state <> 'closed'
;;
CREATE TABLE alert_findings (
  org TEXT NOT NULL, name TEXT NOT NULL, no BIGINT NOT NULL, suppression BIGINT NOT NULL, taken BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,
  events BIGINT NOT NULL, more BIGINT NOT NULL, over BIGINT NOT NULL, PRIMARY KEY (org, name))
;;
CREATE INDEX alert_findings_no ON alert_findings (org, no, taken)
;;
CREATE TABLE alert_events (
  org TEXT NOT NULL, no BIGINT NOT NULL, event TEXT NOT NULL, finding TEXT NOT NULL, at BIGINT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (org, no, event))
;;
CREATE TABLE alert_changes (
  org TEXT NOT NULL, no BIGINT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, account TEXT NOT NULL, actor TEXT NOT NULL,
  act TEXT NOT NULL, value TEXT NOT NULL, note TEXT NOT NULL, became TEXT NOT NULL, PRIMARY KEY (org, no, seq))
;;
CREATE TABLE alert_answers (
  org TEXT NOT NULL, no BIGINT NOT NULL, seq BIGINT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, at BIGINT NOT NULL, account TEXT NOT NULL, actor TEXT NOT NULL,
  PRIMARY KEY (org, no, seq))
;;
CREATE TABLE alert_suppressions (
  org TEXT NOT NULL, no BIGINT NOT NULL, rule TEXT NOT NULL, title TEXT NOT NULL, group_key TEXT NOT NULL, grouped TEXT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,
  reason TEXT NOT NULL, account TEXT NOT NULL, actor TEXT NOT NULL, created BIGINT NOT NULL, ended BIGINT NOT NULL, ended_by TEXT NOT NULL, PRIMARY KEY (org, no))
;;
CREATE INDEX alert_suppressions_rule ON alert_suppressions (org, rule, until)
;;
CREATE TABLE alert_pages (
  org TEXT NOT NULL, no BIGINT NOT NULL, duty TEXT NOT NULL, step BIGINT NOT NULL, who TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (org, no, duty, step))
`, SQLite: appendOnlySQLite("alert_changes") + ";;\n" + appendOnlySQLite("alert_answers"),
		Postgres: appendOnlyPostgres("alert_changes") + ";;\n" + appendOnlyPostgres("alert_answers")}}
}

// appendOnlySQLite refuses to change and delete rows of a table.
func appendOnlySQLite(table string) string {
	return `
CREATE TRIGGER ` + table + `_no_update BEFORE UPDATE ON ` + table + ` BEGIN SELECT RAISE(ABORT, '` + table + ` is append-only'); END
;;
CREATE TRIGGER ` + table + `_no_delete BEFORE DELETE ON ` + table + ` BEGIN SELECT RAISE(ABORT, '` + table + ` is append-only'); END
`
}

func appendOnlyPostgres(table string) string {
	return `
CREATE FUNCTION ` + table + `_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '` + table + ` is append-only'; END $$
;;
CREATE TRIGGER ` + table + `_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ` + table + ` FOR EACH STATEMENT EXECUTE FUNCTION ` + table + `_refuse()
`
}
