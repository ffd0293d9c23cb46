package auth

import (
	_ "embed"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

//go:embed schema/001-accounts.sql
var accountsSQL string

//go:embed schema/002-credentials.sql
var credentialsSQL string

// Migrations lists the door's tables.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{
		{Name: "auth/001-accounts", SQL: accountsSQL},
		{Name: "auth/002-credentials", SQL: credentialsSQL},
		{Name: "auth/zone", SQL: `ALTER TABLE auth_orgs ADD COLUMN zone TEXT NOT NULL DEFAULT ''`},
		{Name: "auth/003-secrets", SQL: secretsSQL},
	}
}
