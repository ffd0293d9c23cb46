package morning

import (
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// mostListed bounds how many things of a kind are looked through.
const mostListed = 500

// Each calls f with each thing of a kind that a query finds, and with its spec;
// never where there is no such kind, or the reader may not read it.
func Each[T any](l *Look, kind string, q catalog.Query, f func(*entity.Entity, T)) error {
	list, err := l.list(kind, q)
	if err != nil {
		return err
	}
	for _, e := range list {
		s, err := catalog.Spec[T](e)
		if err != nil {
			return err
		}
		f(e, s)
	}
	return nil
}

func (l *Look) list(kind string, q catalog.Query) ([]*entity.Entity, error) {
	k := l.Catalog.Kinds().Get(kind)
	if k == nil || l.Caller.Can(auth.Read, k.Resource()) != nil {
		return nil, nil
	}
	q.Kinds, q.Limit, q.NoTotal = []string{kind}, mostListed, true
	page, err := l.Catalog.List(l.Ctx, l.Caller, q)
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}
