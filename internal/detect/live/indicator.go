package live

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
)

// The types of indicators.
const (
	IP        = "ip" // an address, or a network
	Domain    = "domain"
	URL       = "url"
	Hash      = "hash" // MD5, SHA-1 or SHA-256
	Email     = "email"
	FileName  = "file"
	UserAgent = "user-agent"
)

// Types are the types of indicators.
var Types = []string{IP, Domain, URL, Hash, Email, FileName, UserAgent}

// Indicator is something that is known to be bad.
type Indicator struct {
	Source     string
	Type       string
	Value      string // as Normal returns it
	Title      string
	Until      time.Time // zero: for good
	Confidence int64     // 0 to 100; 0 is not known
	Labels     []string
}

// Key is what events call an indicator that they matched.
func (i *Indicator) Key() string {
	h := sha256.Sum256([]byte(i.Type + "\x00" + i.Value))
	return "ioc-" + hex.EncodeToString(h[:8])
}

func (i *Indicator) told() detect.Told {
	level := "medium"
	if i.Confidence >= 80 {
		level = "high"
	}
	return detect.Told{ID: i.Key(), Title: cmp.Or(i.Title, i.Value), Description: i.Type + " " + i.Value, Level: level, Tags: i.Labels, Kind: "indicator", Origin: i.Source}
}

// Normal is a value of a type in the form in which values are compared; false
// when it is no such value.
func Normal(typ, value string) (string, bool) {
	value = strings.TrimSpace(value)
	switch typ {
	case IP:
		if p, err := netip.ParsePrefix(value); err == nil {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked()
			if p.IsSingleIP() {
				return p.Addr().String(), true
			}
			return p.String(), p.IsValid()
		}
		a, err := netip.ParseAddr(value)
		return a.Unmap().WithZone("").String(), err == nil
	case Domain:
		d := strings.ToLower(strings.Trim(value, "."))
		return d, isDomain(d)
	case URL:
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return "", false
		}
		return urlText(u), true
	case Hash:
		h := strings.ToLower(value)
		return h, isHash(h)
	case Email:
		v := strings.ToLower(value)
		at := strings.IndexByte(v, '@')
		return v, at > 0 && isDomain(v[at+1:])
	case FileName:
		v := baseName(strings.ToLower(value))
		return v, v != ""
	case UserAgent:
		return value, value != ""
	}
	return "", false
}

func urlText(u *url.URL) string {
	return strings.ToLower(u.Scheme+"://"+u.Host) + cmp.Or(u.EscapedPath(), "/") + queryOf(u)
}

func queryOf(u *url.URL) string {
	if u.RawQuery == "" {
		return ""
	}
	return "?" + u.RawQuery
}

func isHash(s string) bool {
	return (len(s) == 32 || len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

func isDomain(s string) bool {
	if len(s) < 4 || len(s) > 253 || !strings.Contains(s, ".") || s[0] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && c < 0x80 {
			return false
		}
	}
	return strings.TrimLeft(s[strings.LastIndexByte(s, '.')+1:], "0123456789") != ""
}

func baseName(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

// indicators are those of an organisation, by type and value. A look-up costs the
// same however many there are.
type indicators struct {
	values map[string]map[string]*listed
	nets   map[netip.Prefix]*listed
	bits   []int // lengths of networks, those of IPv4 as they are, those of IPv6 plus 100
	n      int
}

// listed is what is said about one value, the surest first. What is less sure
// stays only where it counts for longer.
type listed struct {
	Indicator
	next *listed
}

// with adds what another source says.
func (l *listed) with(i Indicator) *listed {
	switch {
	case l == nil:
		return &listed{i, nil}
	case l.Confidence >= i.Confidence && l.outlasts(&i):
		return l
	case i.Confidence >= l.Confidence && i.outlasts(&l.Indicator):
		return l.next.with(i)
	case i.Confidence > l.Confidence:
		return &listed{i, l}
	}
	l.next = l.next.with(i)
	return l
}

// outlasts reports whether an indicator counts for as long as another, or longer.
func (i *Indicator) outlasts(other *Indicator) bool {
	return i.Until.IsZero() || !other.Until.IsZero() && !i.Until.Before(other.Until)
}

// at is the surest of what counts at a moment; nil when nothing does.
func (l *listed) at(moment time.Time) *Indicator {
	for ; l != nil; l = l.next {
		if l.Until.IsZero() || !moment.After(l.Until) {
			return &l.Indicator
		}
	}
	return nil
}

func newIndicators() *indicators {
	return &indicators{values: map[string]map[string]*listed{}, nets: map[netip.Prefix]*listed{}}
}

func (x *indicators) add(i Indicator) {
	x.n++
	if i.Type == IP {
		if p, err := netip.ParsePrefix(i.Value); err == nil {
			x.nets[p] = x.nets[p].with(i)
			if l := lengthOf(p.Addr(), p.Bits()); !slices.Contains(x.bits, l) {
				x.bits = append(x.bits, l)
			}
			return
		}
	}
	of := x.values[i.Type]
	if of == nil {
		of = map[string]*listed{}
		x.values[i.Type] = of
	}
	of[i.Value] = of[i.Value].with(i)
}

const sixes = 100

func lengthOf(a netip.Addr, bits int) int {
	if a.Is4() {
		return bits
	}
	return bits + sixes
}

// address looks an address up, and the networks it is in.
func (x *indicators) address(at time.Time, text string) *Indicator {
	if len(x.values[IP]) == 0 && len(x.nets) == 0 || len(text) < 3 || len(text) > 45 {
		return nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil
	}
	a = a.Unmap().WithZone("")
	if i := x.values[IP][a.String()].at(at); i != nil {
		return i
	}
	for _, l := range x.bits {
		if a.Is4() != (l < sixes) {
			continue
		}
		if p, err := a.Prefix(l % sixes); err == nil && l < sixes || err == nil && l >= sixes {
			if i := x.nets[p].at(at); i != nil {
				return i
			}
		}
	}
	return nil
}

// domain looks a name up, and the domains it is in.
func (x *indicators) domain(at time.Time, name string) *Indicator {
	of := x.values[Domain]
	if len(of) == 0 || !isDomain(name) {
		return nil
	}
	for {
		if i := of[name].at(at); i != nil {
			return i
		}
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			return nil
		}
		name = name[dot+1:]
	}
}

// longest is how long a value may be to be looked up as a whole.
const longest = 2048

// in calls f with what is known to be bad in a value at a moment.
func (x *indicators) in(at time.Time, field, value string, f func(*Indicator)) {
	if len(x.values[Hash]) > 0 && len(value) >= 32 {
		x.hashes(at, value, f)
	}
	if value == "" || len(value) > longest {
		return
	}
	found := func(i *Indicator) {
		if i != nil {
			f(i)
		}
	}
	found(x.address(at, value))
	lower := strings.ToLower(value)
	switch {
	case strings.Contains(lower, "://"):
		x.url(at, value, found)
	case strings.IndexByte(lower, '@') > 0:
		found(x.values[Email][lower].at(at))
		found(x.domain(at, lower[strings.IndexByte(lower, '@')+1:]))
	default:
		found(x.domain(at, strings.Trim(lower, ".")))
	}
	if of := x.values[FileName]; len(of) > 0 {
		found(of[baseName(lower)].at(at))
	}
	if of := x.values[UserAgent]; len(of) > 0 && isAgent(field) {
		found(of[value].at(at))
	}
}

func isAgent(field string) bool {
	field = strings.ToLower(field)
	return strings.Contains(field, "user_agent") || strings.Contains(field, "useragent") || strings.Contains(field, "user-agent")
}

func (x *indicators) url(at time.Time, value string, found func(*Indicator)) {
	if len(x.values[URL])+len(x.values[Domain])+len(x.values[IP])+len(x.nets) == 0 {
		return
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return
	}
	found(x.values[URL][urlText(u)].at(at))
	found(x.domain(at, strings.ToLower(u.Hostname())))
	found(x.address(at, u.Hostname()))
}

// hashes looks up each run of hexadecimal digits that has the length of a hash,
// as in Hashes: "MD5=…,SHA256=…".
func (x *indicators) hashes(at time.Time, value string, f func(*Indicator)) {
	for i := 0; i < len(value); {
		j := i
		for j < len(value) && isHex(value[j]) {
			j++
		}
		if n := j - i; n == 32 || n == 40 || n == 64 {
			if found := x.values[Hash][strings.ToLower(value[i:j])].at(at); found != nil {
				f(found)
			}
		}
		i = j + 1
	}
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// deepestValue is how deep values of events are looked at.
const deepestValue = 64

// walk calls f with every text of an event and the name of the member it is in.
func walk(name string, v *fastjson.Value, depth int, f func(name, text string)) {
	switch v.Type() {
	case fastjson.TypeString:
		b, _ := v.StringBytes() // it is a string
		f(name, string(b))
	case fastjson.TypeArray:
		if depth < deepestValue {
			for _, one := range v.GetArray() {
				walk(name, one, depth+1, f)
			}
		}
	case fastjson.TypeObject:
		if depth < deepestValue {
			v.GetObject().Visit(func(key []byte, one *fastjson.Value) {
				inner := string(key)
				if name != "" {
					inner = name + "." + inner
				}
				walk(inner, one, depth+1, f)
			})
		}
	}
}

// indicated looks for indicators in an event.
func (b *batch) indicated(ev *event.Event, v *fastjson.Value) {
	if v.Type() != fastjson.TypeObject || canaryOf(ev, v) != "" {
		return
	}
	walk("", v, 0, func(name, text string) {
		b.indicators.in(ev.Time, name, text, func(i *Indicator) {
			key := i.Key()
			if slices.Contains(ev.Rules, key) {
				return
			}
			ev.Rules = append(ev.Rules, key)
			of := b.rules.fieldsOf(nil, v)
			b.take(i.told(), nil, DefaultWindow, ev, of, func() map[string]any { return map[string]any{name: text} })
		})
	})
}

// loadIndicators reads the indicators of an organisation again.
func (e *Engine) loadIndicators(ctx context.Context, o *organisation) error {
	if e.Indicators == nil {
		return nil
	}
	x := newIndicators()
	err := e.Indicators(ctx, o.name, func(i Indicator) error { x.add(i); return nil })
	if err != nil {
		return err
	}
	if x.n == 0 {
		x = nil
	}
	o.indicators.Store(x)
	return nil
}
