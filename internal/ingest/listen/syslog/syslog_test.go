package syslog

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var (
	now    = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	madrid = must(time.LoadLocation("Europe/Madrid"))
)

func must(z *time.Location, err error) *time.Location {
	if err != nil {
		panic(err)
	}
	return z
}

// TestOffset: an offset of the header is the zone of what the sender writes behind it.
func TestOffset(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"<14>1 2026-11-29T07:00:02.000000+01:00 dc-1 nxlog 7 - - x": time.Hour,
		"<14>1 2026-11-29T07:00:02-03:30 h a - - - x":               -(3*time.Hour + 30*time.Minute),
		"<14>2026-11-29T07:00:02.5+0200 h a: x":                     2 * time.Hour,
		"<14>2026-11-29T07:00:02+00:00 h a: x":                      0,
		"<14>1 2026-11-29T07:00:02Z h a - - - x":                    -1, // a relay may have written it
		"<14>2026-11-29T07:00:02 h a: x":                            -1,
		"<14>Nov 29 07:00:02 h a: x":                                -1,
		"x":                                                         -1,
	} {
		got := time.Duration(-1)
		if z := Parse([]byte(in), now, madrid).Zone; z != nil {
			_, seconds := now.In(z).Zone()
			got = time.Duration(seconds) * time.Second
		}
		if got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestMessages are messages as the RFCs give them and as devices send them. What
// is not named of host, process, pid and code must not be there.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name, in string
		time     string // RFC 3339; "" for none
		data     string
		fields   map[string]string // beside those of the priority
	}{
		{"RFC 5424, example 1", "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8",
			"2003-10-11T22:14:15.003Z", "'su root' failed for lonvick on /dev/pts/8", map[string]string{FieldVersion: "1", FieldHost: "mymachine.example.com", FieldProcess: "su", FieldMsgID: "ID47"}},
		{"RFC 5424, example 2", "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
			"2003-08-24T05:14:15.000003-07:00", "%% It's time to make the do-nuts.", map[string]string{FieldVersion: "1", FieldHost: "192.0.2.1", FieldProcess: "myproc", FieldPID: "8710"}},
		{"structured data", `<165>1 2003-10-11T22:14:15.003Z mymachine evntslog abc ID47 [exampleSDID@32473 iut="3" eventSource="App \"x\" \\ \]"][other@1 a="b c"] An event`,
			"2003-10-11T22:14:15.003Z", "An event", map[string]string{FieldVersion: "1", FieldHost: "mymachine", FieldProcess: "evntslog", FieldProcID: "abc", FieldMsgID: "ID47",
				FieldData + "exampleSDID@32473.iut": "3", FieldData + "exampleSDID@32473.eventSource": `App "x" \ ]`, FieldData + "other@1.a": "b c"}},
		{"structured data alone", `<14>1 2003-10-11T22:14:15Z fw RT_FLOW - RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.137 source-address="10.0.0.1"]`,
			"2003-10-11T22:14:15Z", `[junos@2636.1.1.1.2.137 source-address="10.0.0.1"]`, map[string]string{FieldVersion: "1", FieldHost: "fw", FieldProcess: "RT_FLOW", FieldMsgID: "RT_FLOW_SESSION_CREATE",
				FieldData + "junos@2636.1.1.1.2.137.source-address": "10.0.0.1"}},
		{"structured data that is broken", `<14>1 - h a - - [x y="1] text`, "", `[x y="1] text`, map[string]string{FieldVersion: "1", FieldHost: "h", FieldProcess: "a"}},
		{"an empty element", `<14>1 - h a - - [x] text`, "", "text", map[string]string{FieldVersion: "1", FieldHost: "h", FieldProcess: "a"}},
		{"nothing but nil", "<0>1 - - - - - -", "", "<0>1 - - - - - -", map[string]string{FieldVersion: "1"}},
		{"a text that begins with a hyphen", "<14>1 - - - - - -text", "", "-text", map[string]string{FieldVersion: "1"}},
		{"Meraki", "<134>1 1563249630.774247467 dc1 security_event ids_alerted signature=1:29708:4", "2019-07-16T04:00:30.774247467Z", "security_event ids_alerted signature=1:29708:4", map[string]string{FieldHost: "dc1"}},

		{"RFC 3164", "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", "2026-10-11T22:14:15Z", "'su root' failed for lonvick on /dev/pts/8", map[string]string{FieldHost: "mymachine", FieldProcess: "su"}},
		{"a pid", "<38>Nov  3 09:01:02 web-1 sshd[4321]: Failed password for root\r\n", "2026-11-03T09:01:02Z", "Failed password for root", map[string]string{FieldHost: "web-1", FieldProcess: "sshd", FieldPID: "4321"}},
		{"no host", "<38>Nov  3 09:01:02 sshd[4321]: Failed password", "2026-11-03T09:01:02Z", "Failed password", map[string]string{FieldProcess: "sshd", FieldPID: "4321"}},
		{"no space after the tag", "<38>Nov  3 09:01:02 web-1 sshd[4321]:Failed password for root", "2026-11-03T09:01:02Z", "Failed password for root", map[string]string{FieldHost: "web-1", FieldProcess: "sshd", FieldPID: "4321"}},
		{"no tag", "<13>Nov  3 09:01:02 web-1 just words: here", "2026-11-03T09:01:02Z", "just words: here", map[string]string{FieldHost: "web-1"}},
		{"a tag with a slash", "<22>Nov  3 09:01:02 mx postfix/smtpd[7]: connect from unknown", "2026-11-03T09:01:02Z", "connect from unknown", map[string]string{FieldHost: "mx", FieldProcess: "postfix/smtpd", FieldPID: "7"}},
		{"an address of IPv6", "<22>Nov  3 09:01:02 2001:db8::1 app: x", "2026-11-03T09:01:02Z", "x", map[string]string{FieldHost: "2001:db8::1", FieldProcess: "app"}},
		{"the year before", "<13>Dec 31 23:59:59 h a: x", "2025-12-31T23:59:59Z|2026-12-31T23:59:59Z", "x", map[string]string{FieldHost: "h", FieldProcess: "a"}},
		{"a year", "<13>Oct 11 2019 22:14:15 h a: x", "2019-10-11T22:14:15Z", "x", map[string]string{FieldHost: "h", FieldProcess: "a"}},
		{"parts of seconds", "<13>Oct 11 22:14:15.123456 h a: x", "2026-10-11T22:14:15.123456Z", "x", map[string]string{FieldHost: "h", FieldProcess: "a"}},
		{"a zone", "<13>Oct 11 22:14:15 UTC h a: x", "2026-10-11T22:14:15Z", "x", map[string]string{FieldHost: "h", FieldProcess: "a"}},
		{"ISO 8601", "<13>2026-10-11T22:14:15.123456+02:00 h a[1]: x", "2026-10-11T22:14:15.123456+02:00", "x", map[string]string{FieldHost: "h", FieldProcess: "a", FieldPID: "1"}},
		{"a leap day", "<13>Feb 29 00:00:00 h a: x", "2024-02-29T00:00:00Z", "x", map[string]string{FieldHost: "h", FieldProcess: "a"}},
		{"no such day", "<13>Feb 31 00:00:00 h a: x", "", "Feb 31 00:00:00 h a: x", nil},
		{"no such hour", "<13>Feb 11 25:00:00 h a: x", "", "Feb 11 25:00:00 h a: x", nil},
		{"kernel", "<4>Nov 28 11:00:00 h kernel: [12.5] oom", "2026-11-28T11:00:00Z", "[12.5] oom", map[string]string{FieldHost: "h", FieldProcess: "kernel"}},
		{"CEF", "<13>Nov 28 11:00:00 fw CEF:0|Vendor|Product|1|100|name|5|src=10.0.0.1", "2026-11-28T11:00:00Z", "CEF:0|Vendor|Product|1|100|name|5|src=10.0.0.1", map[string]string{FieldHost: "fw"}},
		{"JSON with the cookie", `<13>Nov 28 11:00:00 h app: @cee: {"a":1}`, "2026-11-28T11:00:00Z", `{"a":1}`, map[string]string{FieldHost: "h", FieldProcess: "app"}},
		{"key=value without a header", `<189>date=2023-10-11 time=22:14:15 devname="fg"`, "", `date=2023-10-11 time=22:14:15 devname="fg"`, nil},
		{"a tag alone", "<13>app[9]: x", "", "x", map[string]string{FieldProcess: "app", FieldPID: "9"}},
		{"words", "hello there", "", "hello there", nil},

		{"Cisco IOS", "<189>123: *Sep  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console", "2026-09-01T18:46:11.123Z", "%SYS-5-CONFIG_I: Configured from console", map[string]string{FieldCode: "SYS-5-CONFIG_I"}},
		{"JSON without a tag", `<13>Nov  3 09:01:02 h @cee: {"a":1}`, "2026-11-03T09:01:02Z", `{"a":1}`, map[string]string{FieldHost: "h"}},
		{"JSON without a host", `<13>Nov  3 09:01:02 @cee: {"a":1}`, "2026-11-03T09:01:02Z", `{"a":1}`, nil},
		{"Cisco IOS of a zone", "<189>123: Sep  1 2026 18:46:11.123 CEST: %SYS-5-CONFIG_I: x", "2026-09-01T16:46:11.123Z", "%SYS-5-CONFIG_I: x", map[string]string{FieldCode: "SYS-5-CONFIG_I"}},
		{"Cisco IOS of some zone", "<189>123: Sep  1 18:46:11.123 IST: %SYS-5-CONFIG_I: x", "2026-09-01T18:46:11.123Z", "%SYS-5-CONFIG_I: x", map[string]string{FieldCode: "SYS-5-CONFIG_I"}},
		{"Cisco IOS with a host", "<189>123: Sep  1 18:46:11: sw1: %SYS-5-CONFIG_I: x", "2026-09-01T18:46:11Z", "%SYS-5-CONFIG_I: x", map[string]string{FieldHost: "sw1", FieldCode: "SYS-5-CONFIG_I"}},
		{"Cisco ASA", "<166>Jan 01 2023 12:00:00: %ASA-6-302013: Built inbound TCP", "2023-01-01T12:00:00Z", "%ASA-6-302013: Built inbound TCP", map[string]string{FieldCode: "ASA-6-302013"}},
		{"Cisco ASA with a host", "<166>Jan 01 2023 12:00:00 fw1 : %ASA-6-302013: Built", "2023-01-01T12:00:00Z", "%ASA-6-302013: Built", map[string]string{FieldHost: "fw1", FieldCode: "ASA-6-302013"}},
		{"Cisco Nexus", "<189>: 2026 Nov  3 09:01:02 UTC: %VSHD-5-X: y", "", ": 2026 Nov  3 09:01:02 UTC: %VSHD-5-X: y", nil},

		{"a priority too large", "<192>x", "", "<192>x", nil},
		{"a priority that is none", "<x>y", "", "<x>y", nil},
		{"an empty priority", "<>y", "", "<>y", nil},
		{"only a priority", "<13>", "", "<13>", nil},
	} {
		got := Parse([]byte(c.in), now, time.UTC)
		if string(got.Data) != c.data {
			t.Errorf("%s: data %q, want %q", c.name, got.Data, c.data)
		}
		if want := wanted(t, c.time); !got.Time.Equal(want) {
			t.Errorf("%s: time %v, want %v", c.name, got.Time, want)
		}
		for _, f := range got.Fields {
			if strings.HasPrefix(f.Name, "log.syslog.priority") || strings.HasPrefix(f.Name, "log.syslog.severity") || strings.HasPrefix(f.Name, "log.syslog.facility") || f.Name == FieldLevel {
				continue
			}
			if want, ok := c.fields[f.Name]; !ok || want != f.Value {
				t.Errorf("%s: %s is %q, want %q", c.name, f.Name, f.Value, want)
			}
			delete(c.fields, f.Name)
		}
		for name := range c.fields {
			t.Errorf("%s: no %s", c.name, name)
		}
	}
}

// wanted reads a time; of several it is the nearest to now.
func wanted(t *testing.T, s string) (best time.Time) {
	for one := range strings.SplitSeq(s, "|") {
		if one == "" {
			return time.Time{}
		}
		at, err := time.Parse(time.RFC3339Nano, one)
		if err != nil {
			t.Fatal(err)
		}
		if best.IsZero() || now.Sub(at).Abs() < now.Sub(best).Abs() {
			best = at
		}
	}
	return best
}

func TestPriority(t *testing.T) {
	got := map[string]string{}
	for _, f := range Parse([]byte("<86>x"), now, time.UTC).Fields {
		got[f.Name] = f.Value
	}
	for name, want := range map[string]string{FieldPriority: "86", FieldFacilityCode: "10", FieldFacility: "authpriv", FieldSeverityCode: "6", FieldSeverity: "informational", FieldLevel: "informational"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if f := Parse([]byte("x"), now, time.UTC).Fields; len(f) != 0 {
		t.Errorf("without a priority nothing is said of severity, got %v", f)
	}
}

func TestYearOverNewYear(t *testing.T) {
	for _, c := range []struct{ now, in, want string }{
		{"2026-01-01T00:00:05Z", "Dec 31 23:59:58", "2025-12-31T23:59:58Z"},
		{"2025-12-31T23:59:58Z", "Jan  1 00:00:03", "2026-01-01T00:00:03Z"},
		{"2026-06-30T00:00:00Z", "Jan  1 00:00:03", "2026-01-01T00:00:03Z"},
		{"2026-06-30T00:00:00Z", "Dec 31 00:00:00", "2025-12-31T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := Parse([]byte("<13>"+c.in+" h a: x"), at, time.UTC).Time.Format(time.RFC3339)
		if !strings.Contains(c.want, got) {
			t.Errorf("at %s, %s is %s, want %s", c.now, c.in, got, c.want)
		}
	}
}

func TestZone(t *testing.T) {
	got := Parse([]byte("<13>Jul 14 10:00:00 h a: x"), now, madrid).Time
	if want := time.Date(2026, 7, 14, 8, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got %v, want %v", got.UTC(), want)
	}
	if got := Parse([]byte("<13>Jul 14 10:00:00 UTC h a: x"), now, madrid).Time; got.UTC().Hour() != 10 {
		t.Errorf("a zone in the message wins, got %v", got.UTC())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"<34>1 2003-10-11T22:14:15.003Z m su - ID47 [a b=\"c\\]\"] x", "<13>Oct 11 22:14:15 h a[1]: x", "<189>1: *Sep  1 18:46:11.1 UTC: %S-5-C: x", "<134>1 1563249630.7 d e", "\xff\x00", "<13>Feb 29 00:00:00 "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		r := Parse(data, now, madrid)
		if string(data) != before {
			t.Error("the message was changed")
		}
		if len(strings.TrimRight(before, "\r\n\x00")) > 0 && len(strings.Trim(before, " \r\n\x00")) > 0 && len(r.Data) == 0 {
			t.Errorf("%q became nothing", data)
		}
		for _, x := range r.Fields {
			if x.Name == "" || x.Value == "" || !utf8.ValidString(x.Value) {
				t.Errorf("field %q=%q", x.Name, x.Value)
			}
		}
	})
}
