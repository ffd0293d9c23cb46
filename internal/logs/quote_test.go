package logs_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

func TestTerms(t *testing.T) {
	for got, want := range map[string]string{
		logs.Is("user.name", `ana "the\boss"`):       `user.name:="ana \"the\\boss\""`,
		logs.Is("cs(User-Agent)", "x"):               `"cs(User-Agent)":="x"`,
		logs.Is("@timestamp", ""):                    `"@timestamp":=""`,
		logs.Is("not", "x"):                          `"not":="x"`,
		logs.Has(event.FieldRules, "a b"):            `binnacle.rules:"a b"`,
		logs.In("binnacle.batch", []string{"1", ""}): `binnacle.batch:in("1","")`,
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Whatever a field and its text are, the engine finds the event by them.
func TestTermsFind(t *testing.T) {
	s, err := logs.OpenEmbedded(logs.Options{Folder: t.TempDir(), Tenants: logs.TenantMap{"o": 1}, FreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, at := context.Background(), time.Now().UTC().Add(-time.Minute)
	fields := map[string]string{"plain": "a", "or": "b", "@at": "c", "cs(User-Agent)": "d", "x-y": "e", "odd name": "f", "ñ": "g",
		"q": `say "no" \ 'twice' ` + "`thrice`", "lines": "a\nb\tc", "wide": "a\u200bb", "star": "a*", "pipe": "a | delete"}
	var line strings.Builder
	line.WriteString(`{"message":"m"`)
	for name, text := range fields {
		line.WriteString("," + jsonOf(t, name) + ":" + jsonOf(t, text))
	}
	line.WriteString("}")
	if err := s.Add(ctx, "o", []event.Event{{ID: "1", Time: at, Seen: at, Source: "s", Format: "json", Line: []byte(line.String())}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for name, text := range fields {
		for _, q := range []string{logs.Is(name, text), logs.Has(name, text), logs.In(name, []string{"none", text}), "!" + logs.Is(name, text+"!")} {
			n := 0
			if _, err := s.Rows(ctx, logs.Query{Org: "o", Text: q}, func(logs.Row) error { n++; return nil }); err != nil || n != 1 {
				t.Errorf("%s finds %d events: %v", q, n, err)
			}
		}
	}
}

func jsonOf(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
