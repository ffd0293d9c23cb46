package hunt

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// odd are events of the same cloud account with what must be escaped, and words
// that begin in the middle of a field.
func odd(now time.Time) []event.Event {
	var out []event.Event
	for _, x := range [][2]string{
		{"o-1", `\\srv\share`}, {"o-2", `\srv\share`}, {"o-3", `a\*c`}, {"o-4", `a\zzzc`}, {"o-5", `a\\*c`}, {"o-6", `a*c`}, {"o-7", `abbc`}, {"o-8", `what?`}, {"o-9", `ends\`},
		{"o-10", "the svchost runs"}, {"o-11", "xsvc"}, {"o-12", "ñsvc"}, {"o-13", "é-SVC"}, {"o-14", "my_svc"}, {"o-15", "ñandú svc"}, {"o-16", "https://x.example/a"}, {"o-17", `C:\Temp\x`}, {"o-18", "/etc/shadow"}, {"o-19", "/opt/etc/shadow"},
	} {
		out = append(out, said(x[0], now.Add(-time.Hour), "cloud", "text", x[1], "eventVersion", "1.09", "eventSource", "kms.amazonaws.com", "eventName", "Odd"))
	}
	return out
}

// What is made of a query is a rule that finds the same, and says what it lacks.
func TestDraft(t *testing.T) {
	events := append(cloud(webtest.Now), odd(webtest.Now)...)
	m := store(t, map[string][]event.Event{"default": events})
	for _, x := range []struct {
		query string
		n     int    // how many events
		left  string // what the rule lacks
		said  string // what is left of the query without that
		more  int    // how many the rule finds beside
	}{
		{`event.action:="GetSecretValue"`, 2, "", "", 0},
		{`event.outcome:="failure" -event.action:="PutImage"`, 2, "", "", 0},
		{`"odd <name>":="<b>\"x\"</b>" event.outcome:="failure"`, 2, "", "", 0},
		{`getsecretvalue`, 2, "", "", 0},
		{`"GetSecretValue by svc-deploy" failure`, 2, "", "", 0},
		{`svc-deploy not putimage`, 3, "", "", 0},
		{`svc-deploy -PutImage -DeleteAccessKey`, 2, "", "", 0},
		{`event.action:* -event.action:=PutImage - event.outcome:=failure`, 1, "event.action:*", `-event.action:=PutImage -event.outcome:=failure event.action:*`, 19},
		{`DeleteAccessKey or event.outcome:failure -event.action:PutImage`, 3, "", "", 0},
		{`event.action:in(GetSecretValue, "DeleteAccessKey")`, 3, "", "", 0},
		{`svc-deploy -event.action:in(GetSecretValue, "PutImage")`, 1, "", "", 0},
		{`requestParameters.size:>=500`, 0, "", "", 0},
		{"words alone", 0, "", "", 0},
		{"*", 0, "", "nowhere", 0},

		// Two terms of a field must both hold.
		{`event.action:="GetSecretValue" event.action:="DeleteAccessKey"`, 0, "", "", 0},
		{`_msg:svc-deploy _msg:DeleteAccessKey`, 1, "", "", 0},
		{`event.action:~"Key" event.action:~"Delete" event.action:~"Access"`, 1, "", "", 0},
		{`event.action:Get* event.action:*Value or _msg:svc* _msg:Delete*`, 3, "", "", 0},
		{`event.action:in(GetSecretValue, DeleteAccessKey) event.action:in(PutImage, DeleteAccessKey)`, 1, "", "", 0},

		// What rules have no words for.
		{`event.action:=DeleteAccessKey (a or b)`, 1, "(a or b)", `event.action:=DeleteAccessKey`, 0},
		{`event.action:=DeleteAccessKey x:len_range(1,2) | stats count() n`, 1, "x:len_range(1,2) | stats count() n", `event.action:=DeleteAccessKey`, 0},
		{`event.action:in(event.outcome:failure | fields event.action) event.action:=DeleteAccessKey`, 1, `event.action:in(event.outcome:failure | fields event.action)`, `event.action:=DeleteAccessKey`, 0},
		{`_time:5m event.action:=DeleteAccessKey _time:day_range[08:00, 18:00]`, 1, `_time:5m _time:day_range[08:00, 18:00]`, `event.action:=DeleteAccessKey`, 0},
		{`{binnacle.source="cloud"} _stream_id:abc _stream:{a="b"} event.action:=DeleteAccessKey`, 1, `{binnacle.source="cloud"} _stream_id:abc _stream:{a="b"}`, `event.action:=DeleteAccessKey`, 0},
		{`binnacle.source:=cloud event.id:="e-1" event.module:x event.action:=DeleteAccessKey`, 1, `binnacle.source:=cloud event.id:="e-1" event.module:x`, `event.action:=DeleteAccessKey`, 0},
		{`event.action:=DeleteAccessKey -message:svc-deploy`, 1, `-message:svc-deploy`, "", 0}, // it is _msg where it is kept
		{`event.action:=DeleteAccessKey or *`, 0, `event.action:=DeleteAccessKey or *`, "nowhere", 0},
		{`event.action:=DeleteAccessKey or * | fields x`, 0, `event.action:=DeleteAccessKey or * | fields x`, "nowhere", 0},
		{`event.action:=DeleteAccessKey nosuch:="" nosuch:in("", b) nosuch:in(*)`, 1, `nosuch:="" nosuch:in("", b) nosuch:in(*)`, `event.action:=DeleteAccessKey`, 0},
		{`event.action:=DeleteAccessKey a:range[1, 5] a:=(b or c) a:!=b a:~""`, 1, `a:range[1, 5] a:=(b or c) a:!=b a:~""`, `event.action:=DeleteAccessKey`, 0},
		{"event.action:=DeleteAccessKey a:~`(`", 1, "a:~`(`", `event.action:=DeleteAccessKey`, 0},

		// Spaces around the colon.
		{`event.action: =DeleteAccessKey`, 1, "", "", 0},
		{`event.action := "DeleteAccessKey"`, 1, "", "", 0},
		{`event.action : DeleteAccessKey event.outcome: success`, 1, "", "", 0},
		{`event.action :~ "^Delete"`, 1, "", "", 0},
		{`svc-deploy ! event.action:=PutImage - event.action:=DeleteAccessKey`, 2, "", "", 0},

		// Parts of words.
		{`event.action:*AccessKey`, 1, "", "", 0},
		{`event.action:*Secret*`, 2, "", "", 0},
		{`event.action:Get*Value`, 2, "", "", 0},
		{`event.action:~"^Delete.*Key$"`, 1, "", "", 0},
		{`event.action:Delete*`, 1, "", "", 0},
		{`event.action:=Delete*`, 1, "", "", 0},
		{`event.action:="Delete"*`, 1, "", "", 0},
		{`event.action:="Delete*"`, 0, "", "", 0},
		{`_msg:"svc-dep"*`, 63, "", "", 0},
		{`"svc-dep"*`, 63, "", "", 0},
		{`svc-dep*`, 63, "", "", 0},
		{`text:svc*`, 3, "", "", 0},
		{`text:"the svc"*`, 1, "", "", 0},
		{`text:="the svc"*`, 1, "", "", 0},
		{`text:*svc`, 5, "", "", 0},
		{`text:ñan*`, 1, "", "", 0},
		{`text:"/etc"*`, 2, "", "", 0},
		{`text:="/etc"*`, 1, "", "", 0},

		// What is escaped.
		{`text:="\\\\srv\\share"`, 1, "", "", 0},
		{`text:="\\\\srv"*`, 1, "", "", 0},
		{"text:=`\\srv\\share`", 1, "", "", 0},
		{`text:="a\\*c"`, 1, "", "", 0},
		{`text:="a\\\\*c"`, 1, "", "", 0},
		{`text:="a*c"`, 1, "", "", 0},
		{`text:in("a*c", "a\\*c")`, 2, "", "", 0},
		{`text:="what?"`, 1, "", "", 0},
		{`text:="ends\\"`, 1, "", "", 0},
		{`text:="ends\\"*`, 1, "", "", 0},
		{`https://x.example/a`, 1, "", "", 0},
		{`C:\Temp`, 1, "", "", 0},

		{`event.action:=DeleteAccessKey source.ip:ipv4_range("198.51.100.0/24")`, 1, "", "", 0},
		{`event.action:=DeleteAccessKey source.ip:ipv4_range("10.0.0.0/8")`, 0, "", "", 0},

		// A word also within longer ones, a value in any case.
		{`event.action:Delete`, 0, "", "", 1},
		{`secret`, 0, "", "", 2},
		{`event.action:=deleteaccesskey`, 0, "", "", 1},
	} {
		text, left := draft("Made: of a \"query\"", "cloudtrail", x.query)
		if got := strings.Join(left, " "); got != x.left {
			t.Errorf("%s leaves out %q, want %q", x.query, got, x.left)
		}
		p, err := paste(text)
		if err != nil {
			t.Errorf("%s: %v\n%s", x.query, err, text)
			continue
		}
		want, got := foundBy(t, m, cmp.Or(x.said, x.query)), []string{}
		for _, e := range events {
			if hit, err := p.match(lineOf(e)); err != nil {
				t.Fatal(err)
			} else if hit {
				got = append(got, e.ID)
			}
		}
		lost := slices.ContainsFunc(want, func(id string) bool { return !slices.Contains(got, id) })
		if lost || len(want) != x.n || len(got) != x.n+x.more {
			t.Errorf("%s finds %v, want %d, and the rule %v, want %d more\n%s", x.query, want, x.n, got, x.more, text)
		}
	}
}

// foundBy are the ids of the events that a question finds.
func foundBy(t *testing.T, s logs.Store, text string) (ids []string) {
	t.Helper()
	q, err := logs.Translate(t.Context(), s, logs.Query{Org: "default", Text: text, From: webtest.Now.Add(-30 * 24 * time.Hour), To: webtest.Now})
	if err == nil {
		_, err = s.Rows(t.Context(), q, func(r logs.Row) error {
			ids = append(ids, r.Get(event.FieldID))
			return nil
		})
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return ids
}

// A detection is offered for what a rule can say something of.
func TestSayable(t *testing.T) {
	for q, want := range map[string]bool{"svc-deploy": true, "event.action:=PutImage": true, "x or y": true, "(a or b) c": true, "": false, "*": false, "* | stats count() n": false, "(a or b)": false, "or": false, "svc-deploy or *": false, "_time:5m": false, `binnacle.source:=x`: false, "-*": false, `{host.name="x"}`: false} {
		if got := read(q).sayable(); got != want {
			t.Errorf("%s: %v", q, got)
		}
	}
}

// Whatever is asked, what is made of it can be read as a rule.
func FuzzDraft(f *testing.F) {
	for _, s := range []string{`a:="b" -c:d*`, "x or -y", `not "q" | stats count()`, `a:in(x, "y,z") b:>=5`, "a:~`x(`", `a:ipv4_range("10.0.0.0/8")`, "a:'", "*", `\*`, "a:~[", "a:ipv4_range(999.1.1.1/99)", "é:\x00\x7f", `a : b* c:*"d"*e`, `a:="b\\*"*`, "a:~ `(?=x)`"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if !utf8.ValidString(query) {
			return
		}
		text, left := draft("Found by a hunt", "sshd", query)
		if strings.Contains(query, "ipv4_range") { // the form says what is wrong with it
			return
		}
		if _, err := paste(text); err != nil {
			t.Fatalf("%q, without %q, makes\n%s\n%v", query, left, text, err)
		}
	})
}
