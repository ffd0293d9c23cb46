package morning

import "github.com/binnaclehq/binnacle/internal/sqldb"

// Migrations returns the table of when readers last looked at a page: at is the
// last time, since the end of the visit before.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "morning/001", SQL: `
CREATE TABLE seen (org TEXT NOT NULL, account TEXT NOT NULL, page TEXT NOT NULL, at BIGINT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (org, account, page))`}}
}
