package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

type boatSpec struct {
	Type string   `json:"type" en:"Type" es:"Tipo" req:"1" col:"1" filter:"1"`
	Crew []string `json:"crew" en:"Crew" es:"Tripulación" ref:"boat" rel:"crewedBy,sailsOn"`
}

const dolphin = "apiVersion: binnacle.dev/v1\nkind: Boat\nmetadata:\n  name: dolphin\n  title: The Dolphin\nspec:\n  type: sail\n  crew: [whale, shark]\n---\napiVersion: binnacle.dev/v1\nkind: Boat\nmetadata:\n  name: whale\nspec:\n  type: motor\n"

var (
	owner   = auth.Principal{Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner}
	auditor = auth.Principal{Account: "a2", Name: "Aud", Org: "acme", Role: auth.RoleAuditor}
	other   = auth.Principal{Account: "a3", Name: "Eve", Org: "other", Role: auth.RoleOwner}
)

// fixture is a face on an empty catalog.
type fixture struct {
	*Face
	db      *sqldb.DB
	refused []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	db := sqldbtest.SQLite(t, slices.Concat(feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), claim.Migrations(), action.Migrations(), talk.Migrations()))
	boats := catalog.Of[boatSpec](catalog.Kind{Name: "Boat", Plural: "boats", Room: auth.Strategy, Title: lang.T("Boat", "Barco"),
		Titles: lang.T("Boats", "Barcos"), Doc: lang.T("A boat.", "Un barco."), Examples: []string{dolphin}}, nil)
	sailors := catalog.Of[boatSpec](catalog.Kind{Name: "Sailor", Plural: "sailors", Room: auth.People, Personal: true, Title: lang.T("Sailor", "Marinero"),
		Titles: lang.T("Sailors", "Marineros"), Doc: lang.T("Who sails.", "Quien navega.")}, nil)
	kinds := catalog.NewKinds(append([]*catalog.Kind{boats, sailors}, claim.Kinds()...)...)
	f := &fixture{db: db}
	c := catalog.New(db, kinds)
	f.Face = New(Config{Catalog: c, Claims: claim.New(claim.Config{DB: db, Catalog: c, Feed: feed.New(db)}), Version: "test", Refused: func(_ context.Context, p auth.Principal, action, target string, _ error) error {
		f.refused = append(f.refused, strings.TrimSpace(p.Name+" "+action+" "+target))
		return nil
	}})
	return f
}

// client connects a client in memory, as p.
func (f *fixture) client(t *testing.T, p auth.Principal) *session {
	t.Helper()
	here, there := sdk.NewInMemoryTransports()
	if _, err := f.server(p).Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	return connect(t, here)
}

type session struct {
	*sdk.ClientSession
	t *testing.T
}

func connect(t *testing.T, tr sdk.Transport) *session {
	t.Helper()
	s, err := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil).Connect(t.Context(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &session{s, t}
}

// call calls a tool and decodes its data into out, which may be nil. It
// returns the text.
func (s *session) call(tool string, args map[string]any, out any) string {
	s.t.Helper()
	text, failed := s.try(tool, args, out)
	if failed {
		s.t.Fatalf("%s: %s", tool, text)
	}
	return text
}

func (s *session) try(tool string, args map[string]any, out any) (text string, failed bool) {
	s.t.Helper()
	res, err := s.CallTool(s.t.Context(), &sdk.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return err.Error(), true
	}
	for _, c := range res.Content {
		text += c.(*sdk.TextContent).Text
	}
	if out != nil && !res.IsError {
		data, err := json.Marshal(res.StructuredContent)
		if err == nil {
			err = json.Unmarshal(data, out)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return text, res.IsError
}

type args = map[string]any

func TestToolsOnTheCatalog(t *testing.T) {
	f := newFixture(t)
	s := f.client(t, owner)

	var done applyOut
	if text := s.call("apply", args{"yaml": dolphin}, &done); !strings.HasPrefix(text, "Dry run") || !done.DryRun || done.Changes[0].Op != "created" {
		t.Errorf("apply: %s %+v", text, done)
	}
	if _, failed := s.try("get", args{"ref": "boat:dolphin"}, nil); !failed {
		t.Fatal("a dry run wrote")
	}
	s.call("apply", args{"yaml": dolphin, "dryRun": false, "reason": "first boat"}, &done)
	s.call("apply", args{"yaml": strings.Replace(dolphin, "type: sail", "type: motor", 1), "dryRun": false}, &done)
	if diff := cmp.Diff([]change{{Path: "spec.type", Before: "sail", After: "motor"}}, done.Changes[0].Changes); diff != "" {
		t.Errorf("changes: %s", diff)
	}

	var hits searchOut
	s.call("search", args{"query": "dolph"}, &hits)
	if len(hits.Hits) != 1 || hits.Hits[0].Ref != "boat:default/dolphin" {
		t.Errorf("search: %+v", hits)
	}
	var got entityOut
	if text := s.call("get", args{"ref": "boat:dolphin"}, &got); !strings.Contains(text, "title: The Dolphin\n") || got.Entity["kind"] != "Boat" {
		t.Errorf("get: %s %+v", text, got)
	}
	var page listOut
	s.call("list", args{"kind": "boats", "limit": 1, "sort": "-name"}, &page)
	if page.Total == nil || *page.Total != 2 || page.Next == "" || page.Items[0].Ref != "boat:default/whale" || page.Items[0].Fields["spec.type"] != "motor" {
		t.Errorf("list: %+v", page)
	}
	var last listOut
	s.call("list", args{"kind": "boats", "limit": 1, "sort": "-name", "cursor": page.Next}, &last)
	if last.Items[0].Ref != "boat:default/dolphin" || last.Next != "" {
		t.Errorf("second page: %+v", last)
	}
	var rel relationsOut
	if text := s.call("relations", args{"ref": "boat:dolphin"}, &rel); len(rel.Relations) != 2 || !strings.Contains(text, "boat:default/shark    (there is no such thing)") {
		t.Errorf("relations: %s %+v", text, rel)
	}
	s.call("relations", args{"ref": "boat:whale", "depth": 2}, &rel)
	if len(rel.Nodes) != 3 || len(rel.Edges) != 2 {
		t.Errorf("neighbourhood: %+v", rel)
	}
	var past historyOut
	s.call("history", args{"ref": "boat:dolphin"}, &past)
	if len(past.Revisions) != 2 || past.Revisions[1].Reason != "first boat" || past.Revisions[0].By != "Ana" || past.Revisions[0].Changes[0].Path != "spec.type" {
		t.Errorf("history: %+v", past)
	}
	if text := s.call("explain", args{"kind": "boat"}, nil); !strings.Contains(text, "crew") || !strings.Contains(text, "EXAMPLE") {
		t.Errorf("explain: %s", text)
	}
	if text := s.call("explain", nil, nil); !strings.HasPrefix(text, "Boat: A boat.\nSailor: Who sails.\n") {
		t.Errorf("explain: %s", text)
	}
	res, err := s.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "binnacle://boat/default/dolphin"})
	if err != nil || !strings.HasPrefix(res.Contents[0].Text, "apiVersion:") {
		t.Errorf("resource: %v, %v", res, err)
	}
}

// TestLooksOfAssistants: a list or a search that shows people is one look.
func TestLooksOfAssistants(t *testing.T) {
	f := newFixture(t)
	s := f.client(t, owner)
	sailor := strings.ReplaceAll(dolphin, "Boat", "Sailor")
	s.call("apply", args{"yaml": sailor, "dryRun": false}, &applyOut{})
	s.call("list", args{"kind": "Sailor"}, &listOut{})
	s.call("search", args{"query": "dolphin"}, &searchOut{})
	s.call("list", args{"kind": "Boat"}, &listOut{})
	records, _, err := audit.New(f.db).Search(t.Context(), owner.Org, audit.Query{Action: audit.LookMany})
	if err != nil || len(records) != 2 {
		t.Fatalf("%d looks, %v: %+v", len(records), err, records)
	}
	if !strings.Contains(string(records[1].Detail), `"count":2`) || !strings.Contains(string(records[0].Detail), `text=dolphin`) || records[0].Via != "mcp" {
		t.Errorf("%+v", records)
	}
}

func TestAssistantsHaveTheirCallersRights(t *testing.T) {
	f := newFixture(t)
	f.client(t, owner).call("apply", args{"yaml": dolphin, "dryRun": false}, nil)
	s := f.client(t, auditor)
	s.call("get", args{"ref": "boat:dolphin"}, nil)
	if text, failed := s.try("apply", args{"yaml": dolphin, "dryRun": false}, nil); !failed || !strings.Contains(text, "Auditor may not write") {
		t.Errorf("an auditor writes: %s", text)
	}
	if diff := cmp.Diff([]string{"Aud mcp.apply"}, f.refused); diff != "" {
		t.Errorf("refusals: %s", diff)
	}
	s = f.client(t, other)
	if text, failed := s.try("get", args{"ref": "boat:dolphin"}, nil); !failed {
		t.Errorf("another organisation reads %s", text)
	}
	var via string
	if err := f.db.QueryRow(t.Context(), `SELECT via FROM audit WHERE action = 'entity.created' LIMIT 1`).Scan(&via); err != nil || via != "mcp" {
		t.Errorf("the audit log says %q, %v", via, err)
	}
}

func TestWhatToolsRefuse(t *testing.T) {
	f := newFixture(t)
	s := f.client(t, owner)
	s.call("apply", args{"yaml": dolphin, "dryRun": false}, nil)
	for _, tt := range []struct {
		tool string
		args args
		want string
	}{
		{"get", args{"ref": "boat:dolphim"}, `Hint: did you mean "dolphin"?`},
		{"get", args{"ref": "dolphin"}, "is not a reference"},
		{"get", args{"ref": ""}, "is not a reference"},
		{"get", args{"ref": "boat:../../etc"}, "is not a reference"},
		{"get", args{"ref": "boot:dolphin"}, `did you mean "Boat"?`},
		{"get", args{}, "ref"},
		{"get", args{"ref": 3}, "ref"},
		{"get", args{"ref": "boat:dolphin", "extra": 1}, "extra"},
		{"list", args{"kind": "bouts"}, `did you mean "Boat"?`},
		{"list", args{"filter": "spec.("}, "filter"},
		{"list", args{"cursor": "garbage"}, "cursor"},
		{"apply", args{"yaml": ""}, "no entity"},
		{"apply", args{"yaml": "kind: [", "dryRun": false}, "not YAML"},
		{"apply", args{"yaml": strings.Replace(dolphin, "type:", "tpye:", 1), "dryRun": false}, "line 7"},
		{"explain", args{"kind": "boat", "path": "spec.tpye"}, `did you mean "spec.type"?`},
		{"history", args{"ref": "boat:nothing"}, "there is no boat"},
		{"nosuch", nil, "nosuch"},
	} {
		if text, failed := s.try(tt.tool, tt.args, nil); !failed || !strings.Contains(text, tt.want) {
			t.Errorf("%s %v: %q, want %q", tt.tool, tt.args, text, tt.want)
		}
	}
}

func TestFailuresRevealNothing(t *testing.T) {
	f := newFixture(t)
	s := f.client(t, owner)
	f.db.Close()
	if text, failed := s.try("list", nil, nil); !failed || strings.Contains(text, "sql") || strings.Contains(text, "database") {
		t.Errorf("a failure says %q", text)
	}
}

// keys is an Authenticator of two tokens.
type keys map[string]auth.Principal

func (k keys) ByToken(_ context.Context, s string) (auth.Principal, error) {
	if p, ok := k[s]; ok {
		return p, nil
	}
	return auth.Principal{}, fault.New(fault.Unauthenticated, "no")
}

func (k keys) BySession(ctx context.Context, s string) (auth.Principal, error) {
	return k.ByToken(ctx, s)
}

type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b != "" {
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestOverHTTP(t *testing.T) {
	f := newFixture(t)
	d := &door.Door{Auth: keys{"ana": owner, "aud": auditor}}
	server := httptest.NewServer(d.Handler(f.Routes()))
	defer server.Close()
	dial := func(token string) sdk.Transport {
		return &sdk.StreamableClientTransport{Endpoint: server.URL + Path, HTTPClient: &http.Client{Transport: bearer(token)}, MaxRetries: -1}
	}
	s := connect(t, dial("ana"))
	s.call("apply", args{"yaml": dolphin, "dryRun": false}, nil)
	aud := connect(t, dial("aud"))
	aud.call("get", args{"ref": "boat:dolphin"}, nil)
	if text, failed := aud.try("apply", args{"yaml": dolphin, "dryRun": false}, nil); !failed {
		t.Errorf("an auditor writes: %s", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil).Connect(ctx, dial("nobody"), nil); err == nil {
		t.Error("a wrong token connects")
	}
	for _, method := range []string{"GET", "DELETE", "PUT"} {
		req, err := http.NewRequestWithContext(ctx, method, server.URL+Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := bearer("ana").RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, res.StatusCode)
		}
	}
	for _, body := range []string{"", "{", "null", "[]", `{"jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":1,"method":"nosuch"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":3}`, strings.Repeat("[", 10000)} {
		req, err := http.NewRequestWithContext(ctx, "POST", server.URL+Path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		res, err := bearer("ana").RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode >= 500 {
			t.Errorf("%.60q: %d", body, res.StatusCode)
		}
	}
}

func TestOverStreams(t *testing.T) {
	f := newFixture(t)
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- f.Serve(t.Context(), owner, fromClient, toClient) }()
	s := connect(t, &sdk.IOTransport{Reader: fromServer, Writer: toServer})
	s.call("explain", nil, nil)
	tools, err := s.ListTools(t.Context(), nil)
	if err != nil || len(tools.Tools) != 10 {
		t.Errorf("tools %v, %v", tools, err)
	}
	for _, tool := range tools.Tools {
		if tool.Annotations.ReadOnlyHint != (tool.Name != "apply") {
			t.Errorf("%s: read-only is %v", tool.Name, tool.Annotations.ReadOnlyHint)
		}
	}
	s.Close()
	toServer.Close()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server does not end with its input")
	}
}
