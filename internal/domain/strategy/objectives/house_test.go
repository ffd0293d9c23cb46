package objectives_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// house is the room in an installation, on the 84th day of the sample's quarter.
type house struct{ *webtest.House }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{webtest.New(t, strategy.Module())}
	for name, role := range map[string]auth.Role{"marta.quiroga": auth.RoleMember, "tomasz.wierzba": auth.RoleCISO} {
		h.Who[name] = auth.Principal{Account: name, Name: name, Org: "default", OrgTitle: "Kestrane", Home: true, Role: role, Via: "web", UserRef: "user:default/" + name}
	}
	return h
}

// apply writes YAML as the owner and works until nothing is due.
func (h *house) apply(yaml string) {
	h.Helper()
	h.Apply(yaml)
	h.Settle()
}

// sample applies the goals of the sample organisation with their measures, as
// whoever holds the data folder does.
func (h *house) sample() {
	h.Helper()
	caller := catalog.Caller{Principal: auth.Local("default", "Sample", "cli"), Manager: "sample"}
	o, err := sample.Load(sample.Shipped(), time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC))
	if err != nil {
		h.Fatal(err)
	}
	for _, f := range o.Files {
		if !slices.Contains([]string{"measures/strategy.yaml", "strategy/decisions.yaml", "strategy/objectives.yaml", "strategy/check-ins.yaml"}, f.Name) {
			continue
		}
		// The components that the one measure asks are of another room.
		data := strings.NewReplacer("from: component", "from: pillar", `spec.type == "service" && spec.lifecycle == "production"`, `1 == 2`, "has(spec.owner)", "has(metadata.owner)").Replace(string(f.Data))
		docs, err := h.Catalog.Decode(f.Name, []byte(data))
		if err == nil {
			_, err = h.Catalog.Apply(h.Context(), caller, docs, catalog.ApplyOptions{})
		}
		if err != nil {
			h.Fatal(err)
		}
	}
	h.Settle()
}

// post sends a form as somebody.
func (h *house) post(path, who string, form url.Values) *httptest.ResponseRecorder {
	h.Helper()
	w := h.Post(path, who, form)
	h.Settle()
	return w
}

func (h *house) get(ref string) *entity.Entity {
	h.Helper()
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		h.Fatal(err)
	}
	e, err := h.Catalog.Get(h.Context(), h.Caller(), r)
	if err != nil {
		h.Fatal(err)
	}
	return e
}

func (h *house) spec(ref string, into any) {
	h.Helper()
	if err := json.Unmarshal(h.get(ref).Spec, into); err != nil {
		h.Fatal(err)
	}
}

func (h *house) status(ref string, into any) {
	h.Helper()
	if err := json.Unmarshal(h.get(ref).Status, into); err != nil {
		h.Fatal(err)
	}
}
