package sources

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Described knows the sources that people have described, and looks again after
// a while.
type Described struct {
	catalog *catalog.Catalog
	mu      sync.Mutex
	orgs    map[string]described
}

type described struct {
	at   time.Time
	list []named
	by   map[string]int
}

// named is a source with its name.
type named struct {
	Source
	Name string
	nets []netip.Prefix
}

// freshFor is how long what was read is believed.
const freshFor = 5 * time.Second

// NewDescribed returns the sources in a catalog.
func NewDescribed(c *catalog.Catalog) *Described {
	return &Described{catalog: c, orgs: map[string]described{}}
}

// Settings is how the sender of a batch is set up, for an Intake.
func (d *Described) Settings(ctx context.Context, org, name string) ingest.Settings {
	all := d.of(ctx, org)
	if i, ok := all.by[name]; ok {
		return all.list[i].settings()
	}
	return ingest.Settings{}
}

// Named returns the source that a machine belongs to, by its name or its
// address; "" when nobody has said.
func (d *Described) Named(ctx context.Context, org, host string, from netip.Addr) string {
	all := d.of(ctx, org)
	for _, s := range all.list {
		for _, h := range s.Hosts {
			if host != "" && h == host {
				return s.Name
			}
		}
	}
	best, bits := "", -1
	for _, s := range all.list {
		for _, n := range s.nets {
			if n.Contains(from.Unmap()) && n.Bits() > bits {
				best, bits = s.Name, n.Bits()
			}
		}
	}
	return best
}

func (d *Described) of(ctx context.Context, org string) described {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.orgs[org]
	if time.Since(was.at) < freshFor {
		return was
	}
	now := described{at: time.Now(), by: map[string]int{}}
	err := d.catalog.Scan(ctx, d.catalog.DB(), org, Kind, 0, func(e *entity.Entity) error {
		if s, err := catalog.Spec[Source](e); err == nil {
			now.by[e.Metadata.Name] = len(now.list)
			now.list = append(now.list, named{s, e.Metadata.Name, networks(s.Networks)})
		}
		return nil
	})
	if err != nil {
		was.at = time.Now() // what was known holds while the database does not answer
		now = was
	}
	d.orgs[org] = now
	return now
}

func (s *Source) settings() ingest.Settings {
	out := ingest.Settings{Format: s.Format, Rate: s.Rate, BytesPerDay: int64(s.PerDay) * 1_000_000, Delay: claim.DurationOr(s.Delay, 0)}
	if zone, err := time.LoadLocation(s.Zone); err == nil && s.Zone != "" {
		out.Zone = zone
	}
	return out
}

// network reads a network or one address.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func networks(list []string) (out []netip.Prefix) {
	for _, text := range list {
		if n, err := network(text); err == nil {
			out = append(out, n.Masked())
		}
	}
	return out
}
