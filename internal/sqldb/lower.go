package sqldb

import (
	"database/sql/driver"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// lowerAll gives SQLite a lower that knows all letters, as PostgreSQL's does: its
// own knows those of ASCII alone, and who looked for Ávila found it in one database
// only. No index may hold lower of anything, for it would hold what SQLite's own
// made of it.
var lowerAll = sync.OnceFunc(func() {
	sqlite.MustRegisterDeterministicScalarFunction("lower", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		switch v := args[0].(type) {
		case string:
			return strings.ToLower(v), nil
		case []byte:
			return strings.ToLower(string(v)), nil
		default:
			return v, nil // a number has no letters
		}
	})
})
