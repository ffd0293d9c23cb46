package logs_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/binnaclehq/binnacle/internal/logs"
)

func cluster(t *testing.T) logs.Store {
	t.Skip("TODO")
	return nil
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
