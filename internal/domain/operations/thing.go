package operations

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// thing is another entity as a card names it.
type thing = web.Thing

// common are the fields that several kinds of the catalog share, and those of
// the group that owns.
type common struct {
	Type, Lifecycle, Owner, System, Domain string
	Tier                                   int
	Profile                                struct{ DisplayName, Email string }
	Definition                             json.RawMessage
}

func commonOf(e *entity.Entity) common {
	var s common
	if len(e.Spec) > 0 {
		_ = json.Unmarshal(e.Spec, &s) // the spec was checked when it was written
	}
	s.Owner = cmp.Or(e.Metadata.Owner, s.Owner)
	return s
}

// outLink is a link to somewhere else.
type outLink struct{ Title, Href string }

// webLink returns the link when a browser may follow it.
func webLink(href, title string) (outLink, bool) {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return outLink{}, false
	}
	return outLink{cmp.Or(title, strings.TrimSuffix(u.Host+u.Path, "/")), u.String()}, true
}

// linksFor returns the links of an entity whose type, icon, title or address
// holds one of the words.
func linksFor(e *entity.Entity, words ...string) []outLink {
	if e == nil {
		return nil
	}
	var out []outLink
	for _, l := range e.Metadata.Links {
		text := strings.ToLower(l.Type + " " + l.Icon + " " + l.Title + " " + l.URL)
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			continue
		}
		if o, ok := webLink(l.URL, l.Title); ok {
			out = append(out, o)
		}
	}
	return out
}
