package morning

import "github.com/binnaclehq/binnacle/internal/sqldb"

// Migrations returns the tables: seen is when readers last looked at a page (at is
// the last time, since the end of the visit before), reminders which dates the
// feed has reminded of.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "morning/001", SQL: `
CREATE TABLE seen (org TEXT NOT NULL, account TEXT NOT NULL, page TEXT NOT NULL, at BIGINT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (org, account, page))
;;
CREATE TABLE reminders (org TEXT NOT NULL, uid TEXT NOT NULL, path TEXT NOT NULL, day TEXT NOT NULL, days BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (org, uid, path, day, days))`}}
}
