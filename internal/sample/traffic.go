package sample

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// trafficEnd is how the names of files end that say what machines send.
const trafficEnd = ".traffic"

// Sent is a line that a machine of the organisation sends.
type Sent struct {
	At     time.Time
	Source string
	Way    string // syslog, or json: an object of the source's own form
	Format string // of json: how it is read; "": it is found out
	Host   string // of syslog: whose header it has
	Line   string
	Once   bool // a script says it
}

// Traffic is what machines send: streams that go on every day, and scripts that
// happened once. Texts have places between ${ and } that each line fills:
//
//	${person}           one of the words of that name, the same all through a group
//	${n 1024 65535}     a number, both ends included
//	${hex 16}           so many hexadecimal digits
//	${uuid}
//	${pick a|b|c}       one of these
//	${nth}              the number of the line in its script, from 1
//	${at}               the moment, RFC 3339 in UTC to the second; ${at ms} to the
//	                    millisecond, ${at epoch} in milliseconds since 1970, ${at clf}
//	                    as web servers write it
//
// What a day holds follows from its distance to the present and its date alone:
// it is the same whenever it is made.
type Traffic struct {
	Words   map[string][]string `yaml:"words"`
	Streams []Stream            `yaml:"streams"`
	Scripts []Script            `yaml:"scripts"`
}

// Stream is what a machine sends day by day.
type Stream struct {
	Source string `yaml:"source"`
	Way    string `yaml:"way"`
	Format string `yaml:"format"`
	Host   string `yaml:"host"`
	// PerDay is how many groups a working day has; at weekends there are fewer of
	// those that people cause.
	PerDay float64 `yaml:"perDay"`
	// Hours is when: office (working hours), always, or night.
	Hours string `yaml:"hours"`
	// Since is how many days ago it began, 0: always; Until how many days ago it
	// fell silent, 0: it did not.
	Since  int     `yaml:"since"`
	Until  int     `yaml:"until"`
	Groups []Group `yaml:"groups"`
}

// Group is lines that belong together and come one after the other.
type Group struct {
	Weight int           `yaml:"weight"` // against the others of the stream; 1 when 0
	Gap    time.Duration `yaml:"gap"`    // the longest time between two lines; 3 s when 0
	Say    []string      `yaml:"say"`
}

// Script is what was sent once.
type Script struct {
	At     string              `yaml:"at"`
	Source string              `yaml:"source"`
	Way    string              `yaml:"way"`
	Format string              `yaml:"format"`
	Host   string              `yaml:"host"`
	Times  int                 `yaml:"times"` // how often all of Say is said; 1 when 0
	Over   time.Duration       `yaml:"over"`  // the time that takes
	Words  map[string][]string `yaml:"words"` // before those of the file
	Say    []string            `yaml:"say"`

	when time.Time
}

// readTraffic reads a file of what machines send.
func readTraffic(f catalog.File) (*Traffic, error) {
	t := &Traffic{}
	dec := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	dec.KnownFields(true)
	if err := dec.Decode(t); err != nil {
		return nil, fault.Bad("what the machines of the sample organisation send cannot be read", fault.Problem{File: f.Name, Code: "yaml", Msg: err.Error()})
	}
	for i := range t.Scripts {
		s := &t.Scripts[i]
		var err error
		if s.when, err = time.Parse(time.RFC3339, s.At); err != nil {
			return nil, fault.Bad("a script has no moment", fault.Problem{File: f.Name, Code: "moment", Field: fmt.Sprintf("scripts[%d].at", i), Msg: err.Error()})
		}
	}
	return t, nil
}

// Sent yields what machines sent from a moment up to another, in order.
func (o *Organisation) Sent(from, to time.Time) iter.Seq[Sent] { return o.Heard(from, to, from) }

// Heard is Sent without what streams said before a moment: of what is older it
// yields the scripts alone.
func (o *Organisation) Heard(from, to, recent time.Time) iter.Seq[Sent] {
	return func(yield func(Sent) bool) {
		for day := o.calendar.midnight(from); day.Before(to); day = o.calendar.midnight(day.Add(30 * time.Hour)) {
			for _, s := range o.sentOn(day, !day.AddDate(0, 0, 1).Before(recent)) {
				if s.At.Before(from) || !s.At.Before(to) || !s.Once && s.At.Before(recent) {
					continue
				}
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Filed returns what streams said from a moment up to another, in order and as
// files have it, and no script. A line of syslog has its moment and its host.
func (o *Organisation) Filed(from, to time.Time) []Sent {
	var out []Sent
	for s := range o.Sent(from, to) {
		if s.Once {
			continue
		}
		if s.Way == "syslog" {
			s.Way, s.Format, s.Line = "json", "auto", fmt.Sprintf("%s %s %s", s.At.Format("2006-01-02T15:04:05.000000-07:00"), s.Host, s.Line)
		}
		out = append(out, s)
	}
	return out
}

// Syslog are the sources whose machines send syslog.
func (o *Organisation) Syslog() []string {
	var out []string
	add := func(way, source string) {
		if way == "syslog" && !slices.Contains(out, source) {
			out = append(out, source)
		}
	}
	for _, t := range o.traffic {
		for _, s := range t.Streams {
			add(s.Way, s.Source)
		}
		for _, s := range t.Scripts {
			add(s.Way, s.Source)
		}
	}
	return out
}

func (c calendar) midnight(t time.Time) time.Time {
	y, m, d := t.In(c.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.zone)
}

// sentOn returns what was sent on a day, in order; without streams, what scripts
// say.
func (o *Organisation) sentOn(day time.Time, streams bool) []Sent {
	var all []Sent
	ago := int(o.calendar.day(0).Sub(day).Round(24*time.Hour) / (24 * time.Hour))
	for _, t := range o.traffic {
		for i := range t.Streams {
			if streams {
				all = append(all, t.stream(&t.Streams[i], i, day, ago)...)
			}
		}
		for i := range t.Scripts {
			if s := &t.Scripts[i]; o.calendar.midnight(s.when).Equal(day) {
				all = append(all, t.script(s, i)...)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Sent) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Source, b.Source)) })
	return all
}

// weekend is how much of the work of people is done on days off.
const weekend = 0.15

func (t *Traffic) stream(s *Stream, number int, day time.Time, ago int) []Sent {
	if s.Since > 0 && ago > s.Since || s.Until > 0 && ago <= s.Until {
		return nil
	}
	r := dice(fmt.Sprintf("%s/%s/%d/%d", s.Source, s.Host, number, ago))
	expected := s.PerDay
	if off := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday; off && s.Hours == "office" {
		expected *= weekend
	}
	n := int(expected)
	if r.Float64() < expected-float64(n) {
		n++
	}
	var out []Sent
	for range n {
		g := s.pick(r)
		at := day.Add(s.hour(r))
		w := writer{Traffic: t, r: r, kept: map[string]string{}}
		for i, text := range g.Say {
			if i > 0 {
				at = at.Add(time.Duration(r.Int64N(int64(cmp.Or(g.Gap, 3*time.Second)))))
			}
			out = append(out, Sent{At: at, Source: s.Source, Way: s.Way, Format: s.Format, Host: s.Host, Line: w.write(text, at, i+1)})
		}
	}
	return out
}

// pick chooses a group by the weights.
func (s *Stream) pick(r *rand.Rand) *Group {
	sum := 0
	for i := range s.Groups {
		sum += max(1, s.Groups[i].Weight)
	}
	at := r.IntN(sum)
	for i := range s.Groups {
		if at -= max(1, s.Groups[i].Weight); at < 0 {
			return &s.Groups[i]
		}
	}
	return nil
}

// hour chooses a time of day.
func (s *Stream) hour(r *rand.Rand) time.Duration {
	switch s.Hours {
	case "office": // most before and after noon
		return 8*time.Hour + time.Duration((r.Float64()+r.Float64())/2*float64(11*time.Hour))
	case "night":
		return time.Hour + time.Duration(r.Int64N(int64(4*time.Hour)))
	}
	return time.Duration(r.Int64N(int64(24 * time.Hour)))
}

func (t *Traffic) script(s *Script, number int) []Sent {
	r := dice(fmt.Sprintf("%s/script/%d", s.Source, number))
	var out []Sent
	times := max(1, s.Times)
	step := s.Over / time.Duration(max(1, times*len(s.Say)-1))
	w := writer{Traffic: t, own: s.Words, r: r, kept: map[string]string{}}
	at := s.when
	for i := range times {
		for _, text := range s.Say {
			out = append(out, Sent{At: at, Source: s.Source, Way: s.Way, Format: s.Format, Host: s.Host, Line: w.write(text, at, i+1), Once: true})
			at = at.Add(step)
		}
	}
	return out
}

// dice returns chance that is the same for the same name.
func dice(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// writer fills the places of the lines of a group.
type writer struct {
	*Traffic
	own  map[string][]string
	r    *rand.Rand
	kept map[string]string
}

var place = regexp.MustCompile(`\$\{([a-z][a-z-]*)(?: ([^{}]*))?\}`)

func (w *writer) write(text string, at time.Time, nth int) string {
	return place.ReplaceAllStringFunc(text, func(found string) string {
		parts := place.FindStringSubmatch(found)
		return w.fill(parts[1], parts[2], at, nth)
	})
}

func (w *writer) fill(name, arg string, at time.Time, nth int) string {
	switch name {
	case "n":
		low, high, _ := strings.Cut(arg, " ")
		from, _ := strconv.ParseInt(low, 10, 64)
		to, _ := strconv.ParseInt(high, 10, 64)
		return strconv.FormatInt(from+w.r.Int64N(max(1, to-from+1)), 10)
	case "hex":
		n, _ := strconv.Atoi(arg)
		return w.hex(n)
	case "uuid":
		h := w.hex(32)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
	case "pick":
		list := strings.Split(arg, "|")
		return list[w.r.IntN(len(list))]
	case "nth":
		return strconv.Itoa(nth)
	case "at":
		return moment(at, arg)
	}
	return w.word(name)
}

func moment(at time.Time, form string) string {
	switch form {
	case "ms":
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	case "epoch":
		return strconv.FormatInt(at.UnixMilli(), 10)
	case "clf":
		return at.Format("02/Jan/2006:15:04:05 -0700")
	}
	return written(at)
}

func (w *writer) hex(n int) string {
	b := make([]byte, (n+1)/2)
	for i := range b {
		b[i] = byte(w.r.UintN(256))
	}
	return hex.EncodeToString(b)[:n]
}

// word chooses a word once for all lines of the group; a word may have places of
// its own.
func (w *writer) word(name string) string {
	if was, ok := w.kept[name]; ok {
		return was
	}
	list := w.own[name]
	if list == nil {
		list = w.Words[name]
	}
	if len(list) == 0 {
		return "${" + name + "}"
	}
	w.kept[name] = w.write(list[w.r.IntN(len(list))], time.Time{}, 0)
	return w.kept[name]
}
