package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// The bodies and answers of the operations on claims.
type claimList struct {
	Items []claim.Told `json:"items"`
}

type runList struct {
	Items []*claim.Run `json:"items"`
	Next  int64        `json:"next,omitempty" doc:"Value of before for the next page; not there on the last."`
}

type pointList struct {
	Items []claim.Point `json:"items"`
}

type memberPage struct {
	Items []populated `json:"items"`
	Total int         `json:"total" doc:"How many are kept by name."`
	Next  int         `json:"next,omitempty" doc:"Value of from for the next page; not there on the last."`
}

type populated struct {
	Key   string   `json:"key"`
	Title string   `json:"title,omitempty"`
	Holds bool     `json:"holds"`
	Note  string   `json:"note,omitempty"`
	Value *float64 `json:"value,omitempty"`
}

type testRequest struct {
	Test string `json:"test,omitempty" doc:"The test; all that can be run when it is not given."`
}

type attesting struct {
	Test  string    `json:"test,omitempty" doc:"The test; not needed when only one asks for a word."`
	Holds bool      `json:"holds" doc:"Whether the statement holds."`
	Note  string    `json:"note,omitempty" doc:"Required when it does not hold."`
	AsOf  time.Time `json:"asOf,omitzero" doc:"The moment it is about; now when it is not given."`
}

type typing struct {
	Test  string    `json:"test,omitempty" doc:"The test; not needed when only one asks for a number."`
	Value float64   `json:"value"`
	Note  string    `json:"note,omitempty"`
	AsOf  time.Time `json:"asOf,omitzero" doc:"The moment it is about; now when it is not given."`
}

type replayList struct {
	AsOf  time.Time          `json:"asOf"`
	Same  bool               `json:"same" doc:"Every test that was asked again says what was recorded."`
	Items []claim.ToldReplay `json:"items"`
}

type keyList struct {
	Items []signingKey `json:"items"`
}

type signingKey struct {
	Fingerprint string `json:"fingerprint"`
	Key         string `json:"key" doc:"The Ed25519 public key in base64."`
}

type tableList struct {
	Items []tableInfo `json:"items"`
}

type tableInfo struct {
	Name   string            `json:"name"`
	Title  string            `json:"title"`
	Doc    string            `json:"doc"`
	Fields map[string]string `json:"fields" doc:"What each field of row holds."`
}

// evidenceOps are those over the claims of all kinds.
func (a *API) evidenceOps(s schemas) []operation {
	if a.Claims == nil {
		return nil
	}
	states := choice("state", "Only in this state.", "supported", "weak", "unsupported", "contradicted", "disputed")
	states.many = true
	from, to := moment("from", "Runs about moments from here on (RFC 3339)."), moment("to", "Runs about moments before here.")
	return tagged("evidence", []operation{
		{method: "GET", path: "/evidence", id: "listClaimStates", summary: "List claims with their evidence", verb: auth.Read, doc: "Every kind that bears claims: claims, measures, key results. The worst state comes first.",
			query:  []param{states, texts("kind", "Only of this kind."), text("room", "Only of this room."), text("owner", "Only with this owner, as group:platform."), text("subject", "Only about this thing, as component:checkout."), number("limit", "How many.", 1, 5000)},
			handle: (*call).listClaims, answers: []answer{{status: 200, doc: "The claims, the worst first.", types: objectTypes, schema: s.typed(claimList{})}}},
		{method: "GET", path: "/evidence/verify", id: "verifyEvidence", summary: "Check the chains of runs", verb: auth.Audit, timeout: exportTimeout, query: []param{text("ref", "Only this claim.")}, handle: (*call).verifyClaims,
			answers: []answer{{status: 200, doc: "What was checked, and what does not hold.", types: objectTypes, schema: s.typed(claim.Verification{})}}},
		{method: "GET", path: "/evidence/pack", id: "packEvidence", summary: "Take evidence out as a signed file", verb: auth.Read, stream: true,
			doc:   "A zip that binnacle claims verify FILE checks anywhere.",
			query: []param{from.must(), to.must(), texts("ref", "A claim; all when none is given.")}, handle: (*call).packClaims,
			answers: []answer{{status: 200, doc: "The pack.", types: []string{zipType}, schema: schema{}}}},
		{method: "GET", path: "/evidence/keys", id: "listSigningKeys", summary: "List the keys packs are signed with", verb: auth.Read, handle: (*call).signingKeys,
			answers: []answer{{status: 200, doc: "The public keys, the newest first.", types: objectTypes, schema: s.typed(keyList{})}}},
		{method: "GET", path: "/evidence/tables", id: "listTables", summary: "List the tables of observations that tests may ask", verb: auth.Read, handle: (*call).listTables,
			answers: []answer{{status: 200, doc: "The tables, by name.", types: objectTypes, schema: s.typed(tableList{})}}},
	})
}

// claimOps are those on one thing of a kind that bears claims.
func (a *API) claimOps(k *catalog.Kind, s schemas) []operation {
	if a.Claims == nil || !a.Claims.Bears(k.Name) {
		return nil
	}
	one, title := "/"+k.Plural+"/{namespace}/{name}", strings.ToLower(k.Title.In("en"))
	testParam := text("test", "Only of this test.")
	ops := []operation{
		{method: "GET", path: one + "/evidence", id: "evidence" + k.Name, summary: "Get the state of " + title + " with its evidence", verb: auth.Read, handle: func(c *call) error { return c.getClaim(k) },
			answers: []answer{{status: 200, doc: "The claim it bears.", types: objectTypes, schema: s.typed(claim.Told{})}}},
		{method: "GET", path: one + "/runs", id: "runs" + k.Name, summary: "List the runs of the tests of " + title, verb: auth.Read,
			query: []param{testParam, number("before", "Only runs before this one.", 1, 1<<62), number("limit", "How many.", 1, 1000)}, handle: func(c *call) error { return c.listRuns(k) },
			answers: []answer{{status: 200, doc: "The runs, the newest first.", types: objectTypes, schema: s.typed(runList{}), headers: []param{linkHeader}}}},
		{method: "GET", path: one + "/runs/{seq}", id: "run" + k.Name, summary: "Get one run with its question and its answer", verb: auth.Read, handle: func(c *call) error { return c.getRun(k) },
			answers: []answer{{status: 200, doc: "The run, checked.", types: objectTypes, schema: s.typed(claim.ToldRun{})}}},
		{method: "GET", path: one + "/runs/{seq}/population", id: "population" + k.Name, summary: "List who was asked by a run", verb: auth.Read,
			query: []param{flag("exceptions", "Only those that do not meet the expectation."), number("from", "How many to pass over.", 0, claim.MaxKept), number("limit", "How many.", 1, 1000)}, handle: func(c *call) error { return c.population(k) },
			answers: []answer{{status: 200, doc: "The members, the exceptions first.", types: objectTypes, schema: s.typed(memberPage{})}}},
		{method: "GET", path: one + "/series", id: "series" + k.Name, summary: "Get the history of a test", verb: auth.Read,
			query: []param{testParam, moment("from", "From this moment on; 12 weeks ago when it is not given."), moment("to", "Up to this moment; now when it is not given.")}, handle: func(c *call) error { return c.series(k) },
			answers: []answer{{status: 200, doc: "The answers, the oldest first.", types: objectTypes, schema: s.typed(pointList{})}}},
		{method: "POST", path: one + "/test", id: "test" + k.Name, summary: "Run the tests of " + title + " now", verb: auth.Comment, body: &body{types: objectTypes, schema: s.typed(testRequest{}), doc: "Which."}, handle: func(c *call) error { return c.testNow(k) },
			answers: []answer{{status: 200, doc: "What came out.", types: objectTypes, schema: s.typed(runList{})}}},
		{method: "POST", path: one + "/attest", id: "attest" + k.Name, summary: "Give one's word on " + title, verb: auth.Comment, body: &body{types: objectTypes, schema: s.typed(attesting{}), doc: "The word."}, handle: func(c *call) error { return c.attest(k) },
			answers: []answer{{status: 201, doc: "The run it is kept as.", types: objectTypes, schema: s.typed(claim.Run{})}}},
		{method: "POST", path: one + "/type", id: "type" + k.Name, summary: "Type a number of " + title, verb: auth.Comment, body: &body{types: objectTypes, schema: s.typed(typing{}), doc: "The number."}, handle: func(c *call) error { return c.typeNumber(k) },
			answers: []answer{{status: 201, doc: "The run it is kept as.", types: objectTypes, schema: s.typed(claim.Run{})}}},
		{method: "GET", path: one + "/replay", id: "replay" + k.Name, summary: "Ask the tests of " + title + " about a past moment", verb: auth.Read, timeout: exportTimeout,
			query: []param{moment("asOf", "The moment.").must()}, handle: func(c *call) error { return c.replay(k) },
			answers: []answer{{status: 200, doc: "What is answered now about then, beside what was recorded. Nothing is written.", types: objectTypes, schema: s.typed(replayList{})}}},
	}
	for i := range ops {
		ops[i].resource, ops[i].tag = resource(k.Resource()), k.Name
	}
	return ops
}

func (c *call) listClaims() error {
	f := claim.Filter{Room: c.get("room"), Limit: 0}
	for _, name := range c.values["kind"] {
		k, err := c.Catalog.Kinds().Find(name)
		if err != nil {
			return err
		}
		f.Kinds = append(f.Kinds, k.Name)
	}
	for _, st := range c.values["state"] {
		f.States = append(f.States, claim.State(st))
	}
	var err error
	if f.Owner, err = c.fullRef("owner", "group"); err != nil {
		return err
	}
	if f.Subject, err = c.fullRef("subject", ""); err != nil {
		return err
	}
	views, err := c.Claims.Views(c.r.Context(), c.caller, f)
	if err != nil {
		return err
	}
	out := claimList{Items: []claim.Told{}}
	for _, v := range views[:min(len(views), int(c.number("limit", 1000)))] {
		out.Items = append(out.Items, v.Tell(c.lang()))
	}
	return c.send(http.StatusOK, out)
}

// fullRef reads a parameter as a reference in full; "" when it was not given.
func (c *call) fullRef(name, kind string) (string, error) {
	text := c.get(name)
	if text == "" {
		return "", nil
	}
	ref, err := entity.ParseRef(text, kind, "")
	if err != nil {
		return "", badParam(name, "is a reference as component:checkout")
	}
	return ref.String(), nil
}

func (c *call) getClaim(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	v, err := c.Claims.Get(c.r.Context(), c.caller, ref)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, v.Tell(c.lang()))
}

func (c *call) listRuns(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	limit := int(c.number("limit", 100))
	runs, err := c.Claims.Runs(c.r.Context(), c.caller, ref, c.get("test"), c.number("before", 0), limit+1)
	if err != nil {
		return err
	}
	out := runList{Items: append([]*claim.Run{}, runs[:min(limit, len(runs))]...)}
	if len(runs) > limit {
		out.Next = out.Items[limit-1].Seq
		c.linkNext("before", strconv.FormatInt(out.Next, 10))
	}
	return c.send(http.StatusOK, out)
}

// seq reads the number of a run in the path.
func (c *call) seq() (int64, error) {
	n, err := strconv.ParseInt(c.path("seq"), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "%q is no number of a run.", printable(c.path("seq"), 40))
	}
	return n, nil
}

func (c *call) run(k *catalog.Kind) (*claim.ToldRun, error) {
	ref, err := c.ref(k)
	if err != nil {
		return nil, err
	}
	n, err := c.seq()
	if err != nil {
		return nil, err
	}
	return c.Claims.TellRun(c.r.Context(), c.caller, ref, n, c.lang())
}

func (c *call) getRun(k *catalog.Kind) error {
	r, err := c.run(k)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, r)
}

func (c *call) population(k *catalog.Kind) error {
	r, err := c.run(k)
	if err != nil {
		return err
	}
	all := membersOf(r.Answer, c.flag("exceptions"))
	from := min(int(c.number("from", 0)), len(all))
	end := min(from+int(c.number("limit", 100)), len(all))
	out := memberPage{Items: append([]populated{}, all[from:end]...), Total: len(all)}
	if end < len(all) {
		out.Next = end
		c.linkNext("from", strconv.Itoa(end))
	}
	return c.send(http.StatusOK, out)
}

// membersOf lists who was asked, the exceptions first.
func membersOf(a *claim.Answer, only bool) []populated {
	values := map[string]*float64{}
	for _, t := range a.Terms {
		values[t.Key] = t.Value
	}
	var out []populated
	fails := map[string]bool{}
	for _, x := range a.Exceptions {
		fails[x.Key] = true
		out = append(out, populated{x.Key, x.Title, false, x.Note, values[x.Key]})
	}
	if only {
		return out
	}
	for _, key := range a.Population {
		if !fails[key] {
			out = append(out, populated{Key: key, Holds: true, Value: values[key]})
		}
	}
	return out
}

func (c *call) series(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	to := c.moment("to")
	if to.IsZero() {
		to = time.Now().UTC()
	}
	from := c.moment("from")
	if from.IsZero() {
		from = to.AddDate(0, 0, -84)
	}
	points, err := c.Claims.History(c.r.Context(), c.caller, ref, c.get("test"), from, to)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, pointList{append([]claim.Point{}, points...)})
}

func (c *call) testNow(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	var in testRequest
	if err := c.into(&in); err != nil {
		return err
	}
	runs, err := c.Claims.Test(c.r.Context(), c.caller, ref, in.Test)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, runList{Items: append([]*claim.Run{}, runs...)})
}

func (c *call) attest(k *catalog.Kind) error {
	var in attesting
	return c.say(k, &in, func() claim.Word { return claim.Word{Test: in.Test, Holds: in.Holds, Note: in.Note, AsOf: in.AsOf} }, false)
}

func (c *call) typeNumber(k *catalog.Kind) error {
	var in typing
	return c.say(k, &in, func() claim.Word { return claim.Word{Test: in.Test, Value: in.Value, Note: in.Note, AsOf: in.AsOf} }, true)
}

// say keeps the word that a body gives.
func (c *call) say(k *catalog.Kind, in any, word func() claim.Word, number bool) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	if err := c.into(in); err != nil {
		return err
	}
	w := word()
	w.Form = "attest"
	if number {
		w.Form = "typed"
	}
	run, err := c.Claims.Say(c.r.Context(), c.caller, ref, w)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", fmt.Sprintf("%s/%s/%s/%s/runs/%d", Prefix, k.Plural, url.PathEscape(ref.Namespace), url.PathEscape(ref.Name), run.Seq))
	return c.send(http.StatusCreated, run)
}

func (c *call) replay(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	list, err := c.Claims.Replay(c.r.Context(), c.caller, ref, c.moment("asOf"))
	if err != nil {
		return err
	}
	out := replayList{AsOf: c.moment("asOf"), Same: true, Items: claim.TellReplays(list)}
	for i := range out.Items {
		out.Same = out.Same && !out.Items[i].Differs()
	}
	return c.send(http.StatusOK, out)
}

func (c *call) verifyClaims() error {
	uid := ""
	if text := c.get("ref"); text != "" {
		ref, err := entity.ParseRef(text, "claim", "")
		if err != nil {
			return badParam("ref", "is a reference as claim:backups-restore")
		}
		v, err := c.Claims.Get(c.r.Context(), c.caller, ref)
		if err != nil {
			return err
		}
		uid = v.UID
	}
	v, err := c.Claims.Verify(c.r.Context(), c.caller.Org, uid)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, v)
}

func (c *call) packClaims() error {
	o := claim.PackOptions{From: c.moment("from"), To: c.moment("to"), Organisation: c.caller.OrgTitle}
	for _, text := range c.values["ref"] {
		ref, err := entity.ParseRef(text, "claim", "")
		if err != nil {
			return badParam("ref", "is a reference as claim:backups-restore")
		}
		o.Refs = append(o.Refs, ref)
	}
	if err := c.Claims.Packable(c.r.Context(), c.caller, o); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", zipType)
	c.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="evidence-%s.zip"`, time.Now().UTC().Format("20060102-150405")))
	_, err := c.Claims.Pack(c.r.Context(), c.caller, o, c.w)
	return err
}

func (c *call) signingKeys() error {
	keys, err := c.Claims.PublicKeys(c.r.Context())
	if err != nil {
		return err
	}
	out := keyList{Items: []signingKey{}}
	for _, k := range keys {
		raw, err := base64.StdEncoding.DecodeString(k)
		if err != nil {
			return err
		}
		out.Items = append(out.Items, signingKey{claim.Fingerprint(raw), k})
	}
	return c.send(http.StatusOK, out)
}

func (c *call) listTables() error {
	out := tableList{Items: []tableInfo{}}
	for _, t := range c.Claims.Tables() {
		info := tableInfo{t.Name, t.Title.In(c.lang()), t.Doc.In(c.lang()), map[string]string{}}
		for _, f := range t.Fields {
			info.Fields[f.Name] = f.Doc.In(c.lang())
		}
		out.Items = append(out.Items, info)
	}
	return c.send(http.StatusOK, out)
}
