package strategy_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

const workHead = "ID,Name,State,Type,Started Date,Closed Date\n"

func adodata(t testing.TB) catalog.File {
	t.Helper()
	data, err := os.ReadFile(testenv.Data(t, "throughput", "adodata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return catalog.File{Name: "adodata.csv", Data: data}
}

func count(t testing.TB, c *catalog.Catalog, query string, args ...any) (n int) {
	t.Helper()
	if err := c.DB().QueryRow(ctx, query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A second import of the same file changes nothing, leaves no trace and no
// audit record.
func TestImportWork(t *testing.T) {
	c := newCatalog(t)
	args := map[string]string{"source": "ado", "team": "payments", "asof": "2025-08-28"}
	report, err := importer(t, "work").Import(ctx, c, owner, []catalog.File{adodata(t)}, catalog.ImportOptions{Args: args, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]observe.Counts{{Table: "work", Created: 117}}, report.Rows); diff != "" || !report.DryRun {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if n := count(t, c, `SELECT count(*) FROM observed_work`); n != 0 {
		t.Errorf("a dry run wrote %d rows", n)
	}
	load(t, c, "work", args, adodata(t))
	for range 2 {
		report = load(t, c, "work", args, adodata(t))
		if diff := cmp.Diff([]observe.Counts{{Table: "work", Unchanged: 117}}, report.Rows); diff != "" {
			t.Errorf("again (-want +got):\n%s", diff)
		}
	}
	if !strings.Contains(report.Summary, "117 work items; the last dated 2025-08-") {
		t.Errorf("summary %q", report.Summary)
	}
	for _, query := range []string{`SELECT count(*) FROM feed WHERE type = 'observed.work'`, `SELECT count(*) FROM audit WHERE action = 'observed.work'`} {
		if n := count(t, c, query); n != 1 {
			t.Errorf("%d entries by %s", n, query)
		}
	}
	if n := count(t, c, `SELECT count(*) FROM observed_work WHERE org = 'acme' AND team = 'group:default/payments' AND source = 'ado'`); n != 117 {
		t.Errorf("%d rows of the team", n)
	}
}

// What was known on a day can be asked for later, and a late export of an older
// day leaves what a newer one said.
func TestWorkAsOf(t *testing.T) {
	c := newCatalog(t)
	on := func(day, rows string) []observe.Counts {
		return load(t, c, "work", map[string]string{"asof": day}, text("w.csv", workHead+rows)).Rows
	}
	on("2026-09-10", "1,One,New,Story,,\n2,Two,Doing,Story,2026-09-01,\n")
	on("2026-09-20", "1,One,Done,Story,2026-09-12,2026-09-15\n2,Two,Doing,Story,2026-09-01,\n")
	got := on("2026-09-14", "1,One,Doing,Story,2026-09-12,\n3,Three,New,Story,,\n")
	if diff := cmp.Diff([]observe.Counts{{Table: "work", Created: 1, Updated: 1}}, got); diff != "" {
		t.Errorf("late (-want +got):\n%s", diff)
	}
	for day, want := range map[string]string{
		"2026-09-10": "1,One,New,Story,,,,,,,,,\n2,Two,Doing,Story,2026-09-01,,,,,,,,\n",
		"2026-09-14": "1,One,Doing,Story,2026-09-12,,,,,,,,\n2,Two,Doing,Story,2026-09-01,,,,,,,,\n3,Three,New,Story,,,,,,,,,\n",
		"2026-09-20": "1,One,Done,Story,2026-09-12,2026-09-15,,,,,,,\n2,Two,Doing,Story,2026-09-01,,,,,,,,\n3,Three,New,Story,,,,,,,,,\n",
	} {
		files := export(t, c, "work", "csv", map[string]string{"asof": day})
		_, rows, _ := strings.Cut(string(files[0].Data), "\n")
		if diff := cmp.Diff(want, rows); diff != "" || files[0].Name != "work.csv" {
			t.Errorf("as of %s (-want +got):\n%s", day, diff)
		}
	}
}

func TestWorkRoundTrip(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "work", map[string]string{"source": "ado"}, adodata(t))
	files := export(t, c, "work", "csv", nil)
	report := load(t, c, "work", map[string]string{"source": "ado"}, files...)
	if diff := cmp.Diff([]observe.Counts{{Table: "work", Unchanged: 117}}, report.Rows); diff != "" || len(report.Problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", report.Problems, diff)
	}
}

// A file whose source nobody named is not taken for a second tracker: its items
// would count twice.
func TestWorkDoubled(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "work", map[string]string{"source": "ado"}, text("ado.csv", workHead+"1,One,New,,,\n2,Two,New,,,\n3,Three,New,,,\n"))
	load(t, c, "work", map[string]string{"source": "jira"}, text("jira.csv", workHead+"2,Zwei,New,,,\n"))
	for _, dry := range []bool{true, false} {
		_, err := importer(t, "work").Import(ctx, c, owner, export(t, c, "work", "csv", map[string]string{"source": "ado"}), catalog.ImportOptions{DryRun: dry})
		if !fault.Is(err, fault.Conflict) || err.Error() != "3 of the 3 work items are kept already, from the source ado, and would count twice" ||
			fault.HintOf(err) != "give source=ado when they are the same items, or source=work when another tracker gave them these numbers" {
			t.Errorf("without a source: %v; %s", err, fault.HintOf(err))
		}
	}
	if n := count(t, c, `SELECT count(*) FROM observed_work`); n != 4 {
		t.Errorf("%d rows are kept", n)
	}
	for source, want := range map[string]observe.Counts{"ado": {Table: "work", Unchanged: 3}, "work": {Table: "work", Created: 3}} {
		report := load(t, c, "work", map[string]string{"source": source}, export(t, c, "work", "csv", map[string]string{"source": "ado"})...)
		if diff := cmp.Diff([]observe.Counts{want}, report.Rows); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", source, diff)
		}
	}

	// From now on the numbers are known from it, and others are new.
	report := load(t, c, "work", nil, text("w.csv", workHead+"1,Uno,New,,,\n4,Four,New,,,\n"))
	if diff := cmp.Diff([]observe.Counts{{Table: "work", Created: 1, Updated: 1}}, report.Rows); diff != "" {
		t.Errorf("of its own (-want +got):\n%s", diff)
	}
}

func TestWorkRefused(t *testing.T) {
	c := newCatalog(t)
	run := func(args map[string]string, files ...catalog.File) (*catalog.ImportReport, error) {
		return importer(t, "work").Import(ctx, c, owner, files, catalog.ImportOptions{Args: args})
	}
	for _, name := range []string{"invalid-missing-required.csv", "invalid-not-csv.csv", "invalid-wrong-csv.csv"} {
		data, err := os.ReadFile(testenv.Data(t, "throughput", name))
		if err != nil {
			t.Fatal(err)
		}
		_, err = run(nil, catalog.File{Name: name, Data: data})
		if problems := fault.ProblemsOf(err); !fault.Is(err, fault.Invalid) || len(problems) == 0 || problems[0].File != name || problems[0].Line != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, bad := text("good.csv", workHead+"1,One,New,,,\n"), text("bad.csv", workHead+"2,Two,New,,32.1.2026,\n3,Three,New,,,\n")
	report, err := run(nil, good, bad)
	if err != nil || report.Rows[0].Created != 2 || len(report.Problems) != 1 || report.Problems[0].Place() != "bad.csv:2:12" || report.Problems[0].Field != "Started Date" {
		t.Errorf("report %+v, %v", report, err)
	}
	if _, err := run(map[string]string{"whole": "true"}, bad); !fault.Is(err, fault.Invalid) {
		t.Errorf("a whole source with a bad row: %v", err)
	}
	for name, value := range map[string]string{"sorce": "x", "source": "a b", "asof": "2030-01-01", "dates": "x", "map.closed": "Fertig"} {
		if _, err := run(map[string]string{name: value}, good); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	reader := owner
	reader.Role = auth.RoleAuditor
	if _, err := importer(t, "work").Import(ctx, c, reader, []catalog.File{good}, catalog.ImportOptions{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an auditor imports: %v", err)
	}
	machine := owner
	machine.Role = auth.RoleIngest
	if _, err := c.Observe(ctx, machine, catalog.Observation{Table: tableOf(t), At: time.Now(), Rows: []observe.Row{{"source": "x", "id": "1"}}}, false); err != nil {
		t.Errorf("a machine reports: %v", err)
	}
	if _, err := c.Observed(ctx, machine, tableOf(t), time.Now()); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a machine reads: %v", err)
	}
}

// With whole=true what the file no longer holds is gone.
func TestWholeWork(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "work", nil, text("w.csv", workHead+"1,One,New,,,\n2,Two,New,,,\n"))
	report := load(t, c, "work", map[string]string{"whole": "true"}, text("w.csv", workHead+"2,Two,New,,,\n"))
	if diff := cmp.Diff([]observe.Counts{{Table: "work", Unchanged: 1, Gone: 1}}, report.Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func tableOf(t testing.TB) *observe.Table {
	t.Helper()
	return strategy.Module().Observed[0]
}
