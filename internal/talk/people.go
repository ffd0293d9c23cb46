package talk

import (
	"context"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// directory knows who can sign in to one organisation, and who they are in the
// catalog, for the length of one piece of work.
type directory struct {
	s      *Service
	org    string
	people []auth.Person
	groups map[string][]string // user references of a group
}

func (s *Service) directory(ctx context.Context, q sqldb.Querier, org string) (*directory, error) {
	people, err := s.Auth.People(ctx, q, org)
	return &directory{s: s, org: org, people: people, groups: map[string][]string{}}, err
}

// person returns who has an account; nil when nobody can sign in with it.
func (d *directory) person(account string) *auth.Person {
	i := slices.IndexFunc(d.people, func(p auth.Person) bool { return p.Account == account })
	if i < 0 {
		return nil
	}
	return &d.people[i]
}

// accounts returns the accounts of a person or of the members and the lead of a
// group.
func (d *directory) accounts(ctx context.Context, ref string) ([]string, error) {
	users := []string{ref}
	if parsed, err := entity.ParseRef(ref, "", ""); err != nil {
		return nil, nil
	} else if parsed.Kind == "group" {
		if users, err = d.members(ctx, parsed); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, p := range d.people {
		if p.UserRef != "" && slices.Contains(users, p.UserRef) {
			out = append(out, p.Account)
		}
	}
	return out, nil
}

// named returns the accounts of whoever is named by an account, by a reference of
// a person or a group, or as records name who has no reference.
func (d *directory) named(ctx context.Context, name string) ([]string, error) {
	for _, p := range d.people {
		if p.Account == name || (catalog.Caller{Principal: p.Principal()}).Identity() == name {
			return []string{p.Account}, nil
		}
	}
	return d.accounts(ctx, name)
}

// members returns the people directly in a group, whichever end says so.
func (d *directory) members(ctx context.Context, group entity.Ref) ([]string, error) {
	if users, ok := d.groups[group.String()]; ok {
		return users, nil
	}
	caller := catalog.Caller{Principal: auth.Local(d.org, "", "system")}
	rels, err := d.s.Catalog.Relations(ctx, caller, group)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	users := []string{}
	for _, r := range rels {
		if r.Exists && (r.Type == "hasMember" || r.Type == "ledBy") {
			users = append(users, r.Ref)
		}
	}
	d.groups[group.String()] = users
	return users, nil
}

// owner returns the reference of who answers for a record; "" for nobody.
func owner(k *catalog.Kind, e *entity.Entity) string {
	for _, t := range k.Targets(e) {
		if t.Relation == "ownedBy" {
			return t.Ref
		}
	}
	return ""
}

// owners returns the accounts of those who answer for a record.
func (d *directory) owners(ctx context.Context, k *catalog.Kind, e *entity.Entity) ([]string, error) {
	ref := owner(k, e)
	if ref == "" {
		return nil, nil
	}
	return d.accounts(ctx, ref)
}
