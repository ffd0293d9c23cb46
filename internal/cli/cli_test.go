package cli_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/api"
	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/cli"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"binnacle": func() { os.Exit(cli.Main(program())) },     // three kinds of its own
		"house":    func() { os.Exit(cli.Main(app.Program())) }, // the whole program
	})
}

type componentSpec struct {
	Type      string   `json:"type" en:"Type" es:"Tipo" req:"1" suggest:"service,website,library" col:"1" filter:"1"`
	Lifecycle string   `json:"lifecycle" en:"Lifecycle" es:"Ciclo de vida" enum:"experimental:info;production:ok;deprecated:warn" col:"2" filter:"1"`
	Owner     string   `json:"owner,omitempty" en:"Owner" es:"Responsable" ref:"group,user" rel:"ownedBy,ownerOf" col:"3" filter:"1"`
	DependsOn []string `json:"dependsOn,omitempty" en:"Depends on" es:"Depende de" ref:"component" rel:"dependsOn,dependencyOf"`
	Tier      int      `json:"tier,omitempty" en:"Tier" es:"Nivel" min:"1" max:"4"`
}

type groupSpec struct {
	Type string `json:"type" en:"Type" es:"Tipo" col:"1"`
}

type technologySpec struct {
	Entries []entry `json:"entries,omitempty" en:"Editions" es:"Ediciones"`
}

type entry struct {
	Edition string `json:"edition" en:"Edition" es:"Edición"`
	Ring    string `json:"ring" en:"Ring" es:"Anillo"`
}

func kinds() *catalog.Kinds {
	component := catalog.Of[componentSpec](catalog.Kind{Name: "Component", Plural: "components", Short: []string{"comp"}, Room: auth.Operations,
		Title: lang.T("Component", "Componente"), Titles: lang.T("Components", "Componentes"), Doc: lang.T("A piece of software. It has an owner.", "Una pieza de software. Tiene responsable."),
		Examples: []string{"apiVersion: binnacle.dev/v1\nkind: Component\nmetadata:\n  name: checkout\nspec:\n  type: service\n"}}, nil)
	group := catalog.Of[groupSpec](catalog.Kind{Name: "Group", Plural: "groups", Room: auth.People,
		Title: lang.T("Group", "Grupo"), Titles: lang.T("Groups", "Grupos"), Doc: lang.T("A team.", "Un equipo.")}, nil)
	technology := catalog.Of[technologySpec](catalog.Kind{Name: "Technology", Plural: "technologies", Short: []string{"tech"}, Room: auth.Strategy,
		Title: lang.T("Technology", "Tecnología"), Titles: lang.T("Technologies", "Tecnologías"), Doc: lang.T("A technology and its ring.", "Una tecnología y su anillo.")}, nil)
	catalog.Derive(technology, func(_ *entity.Entity, s *technologySpec) any {
		if len(s.Entries) == 0 {
			return nil
		}
		return map[string]any{"ring": s.Entries[len(s.Entries)-1].Ring, "editions": len(s.Entries)}
	})
	return catalog.NewKinds(append([]*catalog.Kind{component, group, technology}, claim.Kinds()...)...)
}

// rings imports technologies from lines "name,edition,ring".
func rings() catalog.Importer {
	return catalog.Importer{Name: "rings", Room: auth.Strategy, Accept: []string{".csv"}, Title: lang.T("Rings", "Anillos"),
		Doc: lang.T("Lines of name, edition and ring. For tests.", "Líneas de nombre, edición y anillo. Para pruebas."), Args: []catalog.Arg{{Name: "by", Doc: lang.T("whose they are", "de quién son")}}, Read: importRings}
}

func importRings(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	var docs []catalog.Document
	report := &catalog.ImportReport{}
	for _, f := range files {
		rows, err := csv.NewReader(bytes.NewReader(f.Data)).ReadAll()
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s is not CSV", f.Name)
		}
		for i, row := range rows {
			if len(row) != 3 || row[2] == "" {
				report.Problems = append(report.Problems, fault.Problem{File: f.Name, Line: i + 1, Code: "ring", Msg: "no ring"})
				continue
			}
			e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Technology", Metadata: entity.Metadata{Name: row[0], Labels: map[string]string{"by": opts.Args["by"]}},
				Spec: fmt.Appendf(nil, `{"entries":[{"edition":%q,"ring":%q}]}`, row[1], row[2])}
			docs = append(docs, catalog.Document{Entity: e, File: f.Name, Line: i + 1})
		}
	}
	res, err := c.ApplyWith(ctx, caller, docs, catalog.ApplyOptions{DryRun: opts.DryRun}, opts.Progress)
	if err != nil {
		return nil, err
	}
	report.ApplyResult = *res
	report.Tell(lang.Some(len(docs), lang.T("technology", "tecnología"), lang.T("technologies", "tecnologías")))
	return report, nil
}

// names exports a file of names for each kind.
func names() catalog.Exporter {
	return catalog.Exporter{Name: "names", Formats: []string{"txt"}, Title: lang.T("Names", "Nombres"), Doc: lang.T("Names, a file for each kind. For tests.", "Nombres, un fichero por clase. Para pruebas."),
		Write: func(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
			by := map[string]*catalog.File{}
			var files []catalog.File
			err := c.Each(ctx, caller, opts.Query, func(e *entity.Entity) error {
				if by[e.Kind] == nil {
					by[e.Kind] = &catalog.File{Name: "names/" + e.Kind + ".txt"}
				}
				by[e.Kind].Data = append(by[e.Kind].Data, e.Metadata.Name+"\n"...)
				return nil
			})
			for _, k := range c.Kinds().Names() {
				if by[k] != nil {
					files = append(files, *by[k])
				}
			}
			return files, err
		}}
}

func migrations() []sqldb.Migration {
	var out []sqldb.Migration
	for _, m := range [][]sqldb.Migration{feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), action.Migrations(), blob.Migrations(), talk.Migrations(), claim.Migrations(), morning.Migrations(), logs.Migrations()} {
		out = append(out, m...)
	}
	return out
}

func layout(p cli.Place) cli.Layout {
	l := cli.Layout{Database: cmp.Or(p.Database, filepath.Join(p.Data, "binnacle.db")), KeyFile: cmp.Or(p.KeyFile, filepath.Join(p.Data, "key"))}
	l.Backup = backup.Options{Program: "test", Files: []backup.File{{Name: "key", Path: l.KeyFile, Secret: true}}}
	l.Files = func() (blob.Store, error) { return blob.Folder(filepath.Join(p.Data, "attachments")), nil }
	return l
}

// crew is the sample organisation.
var crew = fstest.MapFS{
	"teams/sailors.yaml": {Data: []byte("apiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: sailors, description: \"Since {{day -30}}.\"}\nspec: {type: team}\n")},
	"teams/teams.story":  {Data: []byte(`- {at: "{{moment -30 09:00}}", invites: [{who: ana, name: Ana Ruiz, email: ana@sailors.example, role: owner, tour: "captain|capitana"}]}` + "\n")},
}

// demo fills a folder with the sample organisation as it is now.
func demo(ctx context.Context, at cli.Place, o *sample.Organisation, progress func(done, total int)) (*cli.Ground, error) {
	g, err := open(ctx, at)
	if err != nil {
		return nil, err
	}
	done, err := g.Auth.SetUp(ctx)
	if err != nil || done {
		return g, err
	}
	owner, _ := o.Owner()
	if _, err := g.Auth.CreateFirstOwner(ctx, auth.NewAccount{Email: owner.Email, Name: owner.Name}, "Sailors", auth.Visitor{Via: "cli"}); err != nil {
		return nil, err
	}
	for i, f := range o.Files {
		docs, err := g.Catalog.Decode(f.Name, f.Data)
		if err == nil {
			_, err = g.Catalog.Apply(ctx, catalog.Caller{Principal: auth.Local(auth.HomeID, "Sailors", "cli"), Manager: "sample"}, docs, catalog.ApplyOptions{})
		}
		if err != nil {
			return nil, err
		}
		progress(i+1, len(o.Files))
	}
	return g, nil
}

// library holds one claim that is ready to be added.
func library() []claim.Ready {
	list, err := claim.Library(fstest.MapFS{"ready/measure.yml": {Data: []byte("title: {en: Components have an owner, es: Los componentes tienen responsable}\ndoc: {en: Somebody answers., es: Alguien responde.}\n" +
		"kind: Claim\nspec: {room: operations, tests: [{name: owned, records: {from: component, expect: has(spec.owner)}}]}\n")}})
	if err != nil {
		panic(err)
	}
	return list
}

// program is a small binnacle: three kinds, the door and the API.
func program() cli.Program {
	return cli.Program{
		Version: "1.2.3-test", Kinds: kinds(), Importers: []catalog.Importer{rings()}, Exporters: []catalog.Exporter{names()}, Migrations: migrations(),
		Open: open, Serve: serve, Demo: demo, Sample: crew, Library: library(), Layout: layout,
		MCP: func(_ context.Context, _ *cli.Ground, p auth.Principal, in io.Reader, out io.Writer) error {
			_, err := fmt.Fprintf(out, "%s via %s\n", p.Role, p.Via)
			return err
		},
		Restore: func(ctx context.Context, p cli.Place, file string, progress func(backup.Progress)) (backup.Report, error) {
			db, err := sqldb.Open(ctx, layout(p).Database)
			if err != nil {
				return backup.Report{}, err
			}
			defer db.Close()
			return backup.RestoreFile(ctx, db, file, backup.RestoreOptions{Migrations: migrations(), Dir: p.Data, Progress: progress,
				Rebuild: func(ctx context.Context, db *sqldb.DB) error { return catalog.New(db, kinds()).Rebuild(ctx) }})
		},
		Path: func(kind, secret string) string { return "/" + kind + "/" + secret },
	}
}

func open(ctx context.Context, p cli.Place) (*cli.Ground, error) {
	if err := os.MkdirAll(p.Data, 0o700); err != nil {
		return nil, err
	}
	db, err := sqldb.Open(ctx, layout(p).Database)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, migrations()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	keys, err := auth.OpenKeyring(ctx, db, layout(p).KeyFile)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a, err := auth.New(ctx, auth.Config{DB: db, Keys: keys, Hash: auth.HashParams{Memory: 64, Passes: 1, Lanes: 1}})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	f := feed.New(db, feed.WithPoll(20*time.Millisecond))
	c := catalog.New(db, kinds(), catalog.WithNotify(f.Notify))
	claims := claim.New(claim.Config{DB: db, Catalog: c, Feed: f, Keys: keys})
	desk := morning.New(morning.Config{DB: db, Catalog: c, Feed: f, Claims: claims, Waiters: []morning.Waiter{unowned()}})
	g := &cli.Ground{Place: p, DB: db, Catalog: c, Auth: a, Audit: audit.New(db), Feed: f, Claims: claims, Morning: desk, Close: db.Close}
	g.Files = blob.New(blob.Config{Catalog: g.Catalog, Store: blob.Folder(filepath.Join(p.Data, "attachments"))})
	g.Hooks = action.NewHooks(db, keys, action.NewClient(action.Guard{}))
	g.Talk = talk.New(talk.Config{Catalog: g.Catalog, Auth: a, Hooks: g.Hooks})
	g.Logs = logs.Lazy(logs.EmbeddedLimits(0), func() (logs.Store, error) {
		return logs.OpenEmbedded(logs.Options{Folder: filepath.Join(p.Data, "events"), Tenants: logs.NewTenants(db), FreeBytes: 1})
	})
	g.Close = func() error { return errors.Join(g.Logs.Close(), db.Close()) }
	return g, nil
}

// unowned lets components without an owner wait for whoever looks.
func unowned() morning.Waiter {
	return morning.Waiter{ID: "owners", Title: lang.T("Components without an owner", "Componentes sin responsable"), Find: func(l *morning.Look) ([]morning.Item, error) {
		var out []morning.Item
		err := l.Catalog.Each(l.Ctx, l.Caller, catalog.Query{Kinds: []string{"Component"}, CEL: "!has(metadata.owner)"}, func(e *entity.Entity) error {
			own := morning.Act{Name: "disown", Label: lang.T("Retire", "Retirar"), Said: lang.T("“{0}” is nobody's", "«{0}» no es de nadie"), Do: func(l *morning.Look) error { return l.Set(e, map[string]any{"type": "retired"}) }}
			out = append(out, morning.Item{Ref: e.Ref().String(), Title: e.DisplayTitle(), Why: lang.T("Nobody answers for it.", "Nadie responde de él."), Acts: []morning.Act{own}})
			return nil
		})
		return out, err
	}}
}

func serve(ctx context.Context, g *cli.Ground, o cli.ServeOptions) error {
	rest := api.New(api.Config{Logs: g.Logs, Catalog: g.Catalog, Auth: g.Auth, Audit: g.Audit, Feed: g.Feed, Claims: g.Claims, Morning: g.Morning, Importers: []catalog.Importer{rings()}, Exporters: []catalog.Exporter{names()}, Version: "1.2.3-test", Started: time.Now(),
		Talk: g.Talk, Files: g.Files, Hooks: g.Hooks,
		Backup: func(ctx context.Context, w io.Writer, _ bool) error {
			_, err := backup.Write(ctx, g.DB, w, layout(g.Place).Backup)
			return err
		}})
	d := &door.Door{Auth: g.Auth, Errors: map[door.Face]func(http.ResponseWriter, *http.Request, error){door.API: rest.Error}, Log: o.Log}
	routes := append(rest.Routes(), door.Route{Method: "GET", Pattern: "/healthz", Face: door.API, Verb: auth.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "ok\n")
		return err
	}})
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	server := door.NewServer(d.Handler(routes), o.Log)
	go g.Feed.Run(ctx, g.Claims.Watches(), nil)
	go g.Claims.Run(ctx)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	o.Ready("http://" + l.Addr().String())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func TestScripts(t *testing.T) { scripts(t, "testdata") }

func TestScriptsPostgres(t *testing.T) {
	scripts(t, "testdata/postgres", "POSTGRES="+sqldbtest.PostgresURL(t))
}

func scripts(t *testing.T, dir string, vars ...string) {
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: os.Getenv("UPDATE_SCRIPTS") == "1", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "BINNACLE_CONFIG="+env.WorkDir+"/config", "LC_ALL=C", "USER=ann", "TMPDIR="+env.WorkDir)
			env.Vars = append(env.Vars, vars...)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": exitCode, "serving": serving, "undate": writeUndated, "told": tell, "found": find},
	})
}

// tell stores lines as events of a folder, one a minute of the last hours: told data lines.jsonl
func tell(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: told DIR FILE")
	}
	g, err := open(context.Background(), cli.Place{Data: ts.MkAbs(args[0])})
	ts.Check(err)
	var list []event.Event
	for i, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n") {
		list = append(list, event.Event{ID: fmt.Sprint("e", i), Time: time.Now().Add(time.Duration(i-120) * time.Minute), Source: "test", Format: "json", Line: []byte(line)})
	}
	ts.Check(g.Logs.Add(context.Background(), auth.HomeID, list))
	ts.Check(g.Close())
}

// find gives a folder of the whole program alerts: found DIR RULE/HOST/LEVEL…
func find(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: found DIR RULE/HOST/LEVEL…")
	}
	ctx := context.Background()
	g, err := app.Program().Open(ctx, cli.Place{Data: ts.MkAbs(args[0])})
	ts.Check(err)
	var list []detect.Finding
	for _, arg := range args[1:] {
		part := strings.Split(arg, "/")
		now := time.Now()
		list = append(list, detect.Finding{Org: auth.HomeID, Name: arg, Rule: detect.Told{ID: part[0], Title: "A " + part[0], Level: part[2], Kind: "rule"}, Start: now, End: now,
			Group: []detect.GroupField{{Name: event.Host, Value: part[1]}}, Fields: map[string]any{"process.name": "bash"}, Events: []detect.Seen{{ID: arg, Time: now, Source: "linux"}}})
	}
	ts.Check(alerts.NewDesk(g.Catalog, alerts.Config{}).Take(ctx, list))
	ts.Check(g.Close())
}

// exitCode runs a command that must end with the code given: code 4 binnacle get …
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("%s ended with %d, want %s\n%s%s", strings.Join(args[1:], " "), got, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// serving waits until the lock of a folder tells the address of its server and
// sets it as a variable: serving DIR SERVER.
func serving(ts *testscript.TestScript, neg bool, args []string) {
	for range 1200 {
		data, _ := os.ReadFile(ts.MkAbs(filepath.Join(args[0], "lock")))
		if address := strings.TrimSpace(string(data)); address != "" && !neg {
			ts.Setenv(args[1], address)
			return
		} else if address == "" && neg {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("serving: %s", args[0])
}
