// Package action does what reaches outside.
//
// It holds the one HTTP client for addresses that users give, which connects to
// public addresses only unless the operator allows a private one, so that nobody
// can make the server fetch what only the server can reach.
//
// And it holds the outbox: mail and webhooks are acts, logged first (Log, in the
// transaction of their cause, once per key) and done afterwards by an Outbox.
package action

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Guard says where a client may go and how much it may read.
type Guard struct {
	// AllowPrivate lists ranges of addresses that are allowed though they are
	// not public, as given by --allow-private.
	AllowPrivate []netip.Prefix
	// AllowHosts lists host names, as in a URL, behind which any address is
	// allowed. It trusts whoever answers for the name in DNS.
	AllowHosts   []string
	MaxBody      int64         // bytes of a response, after decompression; 0 means 10 MiB
	MaxRedirects int           // 0 means 5, below 0 none
	Timeout      time.Duration // of a whole request with its body; 0 means 30 s
}

// ParseAllow reads what --allow-private takes: ranges (10.0.0.0/8), addresses
// (10.1.2.3) and host names (git.internal).
func ParseAllow(values ...string) (prefixes []netip.Prefix, hosts []string, err error) {
	for _, v := range values {
		if p, err := netip.ParsePrefix(v); err == nil {
			prefixes = append(prefixes, p.Masked())
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		if v == "" || strings.ContainsAny(v, "/:*@ ") || isNumeric(v) {
			return nil, nil, fault.New(fault.Invalid, "%q is not a range of addresses, an address or a host name", v).Coded("allow-private").
				WithHint("write it as 10.0.0.0/8, 10.1.2.3 or git.internal")
		}
		hosts = append(hosts, canonicalHost(v))
	}
	return prefixes, hosts, nil
}

func canonicalHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// isNumeric reports a host that looks like an address and is not one Go reads:
// 10.0.0, 2130706433, 0x7f.1.
func isNumeric(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	_, err := strconv.ParseUint(labels[len(labels)-1], 0, 64)
	return err == nil
}

// special are the ranges that are not of the public internet, from the IANA
// special-purpose address registries.
var special = parsePrefixes(
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // carrier-grade NAT
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local, with the metadata services of clouds
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.31.196.0/24", // AS112
	"192.52.193.0/24", // AMT
	"192.88.99.0/24",  // 6to4 relays
	"192.168.0.0/16",  // private
	"192.175.48.0/24", // AS112
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved, broadcast
	"::/96",           // unspecified, loopback, IPv4-compatible
	"64:ff9b:1::/48",  // local NAT64
	"100::/64",        // discard
	"100:0:0:1::/64",  // dummy
	"2001::/23",       // protocol assignments, with Teredo, ORCHID, benchmarks
	"2001:db8::/32",   // documentation
	"2620:4f:8000::/48",
	"3fff::/20",       // documentation
	"5f00::/16",       // segment routing
	"fc00::/7",        // unique local
	"fe80::/10",       // link-local
	"fec0::/10",       // site-local
	"ff00::/8",        // multicast
	"::ffff:0:0:0/96", // IPv4-translated
)

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

func parsePrefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}

// Public reports whether an address is one of the public internet. An IPv6
// address that leads to an IPv4 address is as public as that.
func Public(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if !addr.IsValid() {
		return false
	}
	for _, p := range special {
		if p.Contains(addr) {
			return false
		}
	}
	if !addr.Is6() {
		return true
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return Public(netip.AddrFrom4([4]byte(b[12:16])))
	case sixToFour.Contains(addr):
		return Public(netip.AddrFrom4([4]byte(b[2:6])))
	}
	// Only 2000::/3 is given out; 64:ff9b::/96 was seen to above.
	return b[0]>>5 == 1
}

// allowed reports whether the guard lets a connection to addr through.
func (g *Guard) allowed(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if Public(addr) {
		return true
	}
	for _, p := range g.AllowPrivate {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// blocked is the fault for an address the guard does not let through.
func blocked(host string, addr netip.Addr) error {
	hint := addr.WithZone("").Unmap()
	return fault.New(fault.Forbidden, "%s leads to %s, which is not a public address", host, addr).Coded("private-address").
		WithHint("if this is meant, start the server with --allow-private %s", netip.PrefixFrom(hint, hint.BitLen()))
}

// dial connects to the address of a URL's host. The address is checked when the
// connection is made, after the name is resolved, so a name that changes its
// address between two look-ups gains nothing.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if !g.trusts(host) {
		d.ControlContext = func(_ context.Context, _, to string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(to)
			if err != nil {
				return fmt.Errorf("an address that cannot be checked: %w", err)
			}
			if !g.allowed(at.Addr()) {
				return blocked(host, at.Addr())
			}
			return nil
		}
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, dialFault(host, err)
	}
	return conn, nil
}

func (g *Guard) trusts(host string) bool {
	host = canonicalHost(host)
	for _, h := range g.AllowHosts {
		if canonicalHost(h) == host {
			return true
		}
	}
	return false
}

func dialFault(host string, err error) error {
	var f *fault.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &dns) && dns.IsNotFound:
		return &fault.Error{Kind: fault.Unavailable, Msg: fmt.Sprintf("there is no host %s", host), Code: "host-unknown", Args: []any{host}, Hint: "check the spelling of the address", Err: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Msg: fmt.Sprintf("%s does not answer", host), Code: "host-silent", Args: []any{host}, Err: err}
}
