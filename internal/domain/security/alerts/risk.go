package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Reason is one part of a risk: how many points, and what for. Code is the key of
// its text, Args what the text needs.
type Reason struct {
	Points int      `json:"points"`
	Code   string   `json:"code"`
	Args   []string `json:"args,omitempty"`
}

// base is the risk of a level alone.
var base = map[string]int{"informational": 5, "low": 25, "medium": 45, "high": 65, "critical": 85}

// tiers is what the tier of the asset adds.
var tiers = map[int]int{1: 20, 2: 10, 3: 0, 4: -10}

// strong are the names of accounts that may do everything where they are.
var strong = []string{"root", "administrator", "system", "nt authority\\system"}

// weigh sums up the risk of an alert and follows its severity from it: the level
// of the rule, the tier of the asset that was hit, accounts that may do
// everything, and whether it is an indicator that somebody gave.
func (a *Alert) weigh() {
	a.Reasons = []Reason{{base[Levels[rank(a.Rule.Level)]], "level", []string{a.Rule.Level}}}
	add := func(points int, code string, args ...string) {
		a.Reasons = append(a.Reasons, Reason{points, code, args})
	}
	switch points, known := tiers[a.Tier]; {
	case a.Asset == "":
		add(0, "unknown")
	case known:
		add(points, "tier", assetName(a.Asset), strconv.Itoa(a.Tier))
	default:
		add(0, "untiered", assetName(a.Asset))
	}
	for _, name := range a.values(userFields) {
		if slices.Contains(strong, strings.ToLower(name)) {
			add(10, "strong", name)
			break
		}
	}
	if a.Rule.Kind == "indicator" {
		add(5, "indicator")
	}
	a.Risk = 0
	for _, r := range a.Reasons {
		a.Risk += r.Points
	}
	a.Risk = min(max(a.Risk, 0), 100)
	a.Severity = severityOf(a.Risk)
}

// severityOf reads a risk as a severity.
func severityOf(risk int) string {
	switch {
	case risk >= 85:
		return "critical"
	case risk >= 60:
		return "high"
	case risk >= 40:
		return "medium"
	case risk >= 15:
		return "low"
	}
	return "informational"
}

func assetName(ref string) string {
	if r, err := entity.ParseRef(ref, "", ""); err == nil {
		return r.Name
	}
	return ref
}

// Names of fields that say who and what was hit, the surest first.
var (
	userFields  = []string{event.User, "related.user", "actor", "userIdentity.userName"}
	assetFields = append(slices.Clone(detect.AssetFields), "url.domain", "destination.domain") // the last two only where the rule looks at them
)

// values are the texts of some fields, of the group and of what the rule found,
// then of what else is told about it.
func (a *Alert) values(fields []string, about ...detect.GroupField) []string {
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, name := range fields {
		for _, g := range a.Group {
			if g.Name == name {
				add(g.Value)
			}
		}
		for _, s := range texts(a.Fields[name]) {
			add(s)
		}
	}
	for _, g := range about {
		if slices.Contains(fields, g.Name) {
			add(g.Value)
		}
	}
	return out
}

// texts are the texts of a field that holds one or several.
func texts(v any) []string {
	switch x := v.(type) {
	case nil:
		return nil
	case string:
		return []string{x}
	case []string:
		return x
	case []any:
		var out []string
		for _, s := range x {
			out = append(out, texts(s)...)
		}
		return out
	case json.Number, float64, int, int64, bool:
		return []string{fmt.Sprint(x)}
	}
	return nil
}

// place finds the asset and the people of an alert in the catalog, and weighs it.
// about is what its event happened to, whether the rule looks at it or not.
func (d *Desk) place(ctx context.Context, tx *sqldb.Tx, a *Alert, about []detect.GroupField) error {
	if err := d.findAsset(ctx, tx, a, about); err != nil {
		return err
	}
	if err := d.findPeople(ctx, tx, a); err != nil {
		return err
	}
	a.weigh()
	return nil
}

// assetKinds are the kinds that an asset may be of, the nearest first.
var assetKinds = []string{"component", "resource", "system", "api"}

// HostLabel names a host, for things whose name is another: host=web-1 on a
// component says that what happens on web-1 happens to it.
const HostLabel = "host"

// findAsset looks the things up that an alert names: by their name, with the
// domain and what deployments add to it taken off, then by the repository that a
// thing says is its own, then by HostLabel.
func (d *Desk) findAsset(ctx context.Context, tx *sqldb.Tx, a *Alert, about []detect.GroupField) error {
	names := a.values(assetFields, about...)
	var refs []string
	for _, name := range names {
		for _, n := range spellings(name) {
			for _, kind := range assetKinds {
				refs = append(refs, entity.NewRef(kind, "", n).String())
			}
		}
	}
	if len(refs) == 0 {
		return nil
	}
	found, err := d.catalog.ByRefs(ctx, tx, a.Org, refs)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if e := found[ref]; e != nil {
			return a.hit(e)
		}
	}
	if found, err := d.findRepository(ctx, tx, a, a.values(repositoryFields, about...)); err != nil || found {
		return err
	}
	return d.findLabelled(ctx, tx, a, names)
}

// repositoryFields name a repository as owner/name.
var repositoryFields = []string{"github.repository", "repo", "repository"}

// slugAnnotations are where a thing says which repository it is built from.
var slugAnnotations = []string{"github.com/project-slug", "gitlab.com/project-slug", "bitbucket.org/project-slug", "gitea.com/project-slug"}

// findRepository looks for the thing that is built from one of some repositories.
func (d *Desk) findRepository(ctx context.Context, tx *sqldb.Tx, a *Alert, slugs []string) (bool, error) {
	kinds := d.assetKinds()
	for _, slug := range slugs {
		if len(kinds) == 0 || !strings.Contains(slug, "/") {
			continue
		}
		page, err := d.catalog.In(tx).List(ctx, catalog.Program(a.Org, "alerts"), catalog.Query{Kinds: kinds, Text: slug, Limit: 100, NoTotal: true})
		if err != nil {
			return false, err
		}
		for _, e := range page.Items {
			if slices.ContainsFunc(slugAnnotations, func(name string) bool { return strings.EqualFold(e.Metadata.Annotations[name], slug) }) {
				return true, a.hit(e)
			}
		}
	}
	return false, nil
}

// assetKinds are those of the kinds of assets that are here.
func (d *Desk) assetKinds() []string {
	var out []string
	for _, k := range assetKinds {
		if d.catalog.Kinds().Get(k) != nil {
			out = append(out, k)
		}
	}
	return out
}

func (d *Desk) findLabelled(ctx context.Context, tx *sqldb.Tx, a *Alert, names []string) error {
	kinds := d.assetKinds()
	var values []string
	for _, n := range names {
		for _, s := range spellings(n) {
			if !slices.Contains(values, s) {
				values = append(values, s)
			}
		}
	}
	if len(kinds) == 0 || len(values) == 0 {
		return nil
	}
	page, err := d.catalog.In(tx).List(ctx, catalog.Program(a.Org, "alerts"), catalog.Query{Kinds: kinds, Labels: HostLabel + " in (" + strings.Join(values, ", ") + ")", Limit: 1, NoTotal: true})
	if err != nil || len(page.Items) == 0 {
		return err
	}
	return a.hit(page.Items[0])
}

// hit notes the asset that an alert is about.
func (a *Alert) hit(e *entity.Entity) error {
	a.Asset, a.Tier = e.Ref().String(), tierOf(e)
	return nil
}

// tierOf is how much it hurts to lose a thing, 1 to 4: spec.tier, else the label
// or annotation "tier"; 0 when nobody says.
func tierOf(e *entity.Entity) int {
	var spec struct {
		Tier json.Number `json:"tier"`
	}
	if len(e.Spec) > 0 && json.Unmarshal(e.Spec, &spec) != nil {
		spec.Tier = ""
	}
	for _, text := range []string{spec.Tier.String(), e.Metadata.Labels["tier"], e.Metadata.Annotations["tier"], e.Metadata.Annotations["binnacle.dev/tier"]} {
		if n, err := strconv.Atoi(strings.TrimPrefix(text, "tier-")); err == nil && n >= 1 && n <= 4 {
			return n
		}
	}
	return 0
}

// podTail is what Kubernetes hangs on a workload's name to name a pod. Its letters
// are no vowels, so that it rarely takes a word away.
var podTail = regexp.MustCompile(`(-[bcdf-hj-np-tv-xz2456789]{6,10})?-[bcdf-hj-np-tv-xz2456789]{5}$`)

// spellings are the names by which the catalog may know a machine: as it is
// called, without its domain, and without what deployments hang on
// (payments-7d9f5c-x2x, payments-02), the longest first.
func spellings(name string) []string {
	var out []string
	add := func(s string) {
		if s = strings.Trim(s, "-."); entity.ValidName(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if net.ParseIP(name) != nil {
		return nil
	}
	if i := strings.LastIndexAny(name, "/:"); i >= 0 {
		name = name[i+1:] // owner/repository, arn:aws:s3:::bucket
	}
	for _, s := range []string{name, strings.ToLower(name)} {
		add(s)
		add(podTail.ReplaceAllString(s, ""))
		s, _, _ = strings.Cut(s, ".")
		add(s)
		for i := strings.LastIndexByte(s, '-'); i > 0 && strings.ContainsAny(s[i:], "0123456789"); i = strings.LastIndexByte(s, '-') {
			s = s[:i]
			add(s)
		}
		add(strings.TrimRight(s, "0123456789"))
	}
	return out
}

// findPeople looks up whose accounts are in an alert: user.name is a person's
// name in the catalog, or the address of one.
func (d *Desk) findPeople(ctx context.Context, tx *sqldb.Tx, a *Alert) error {
	refs := map[string]bool{}
	for _, name := range a.values(userFields) {
		name, _, _ = strings.Cut(strings.ToLower(name), "@")
		if i := strings.LastIndexAny(name, `\/`); i >= 0 {
			name = name[i+1:]
		}
		if entity.ValidName(name) {
			refs[entity.NewRef("user", "", name).String()] = true
		}
	}
	if len(refs) == 0 || d.catalog.Kinds().Get("user") == nil {
		return nil
	}
	found, err := d.catalog.ByRefs(ctx, tx, a.Org, slices.Sorted(maps.Keys(refs)))
	a.People = slices.Sorted(maps.Keys(found))
	return err
}
