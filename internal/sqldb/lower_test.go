package sqldb_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// Both databases lower all letters, as strings.ToLower does.
func TestLower(t *testing.T) {
	sqldbtest.Run(t, nil, func(t *testing.T, db *sqldb.DB) {
		f := func(text, want string) {
			t.Helper()
			var got string
			if err := db.QueryRow(t.Context(), `SELECT lower(CAST(? AS TEXT))`, text).Scan(&got); err != nil || got != want {
				t.Errorf("lower of %q: got %q, want %q: %v", text, got, want, err)
			}
		}
		f("", "")
		f("WEB-10", "web-10")
		f("ÁVILA Ñ Ü", "ávila ñ ü")
		f("ΑΘΗΝΑ Москва", "αθηνα москва")
		f("日本 %_!", "日本 %_!")
		var none *string
		if err := db.QueryRow(t.Context(), `SELECT lower(CAST(NULL AS TEXT))`).Scan(&none); err != nil || none != nil {
			t.Errorf("lower of nothing: %v, %v", none, err)
		}
	})
}
