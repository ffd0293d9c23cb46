package alerts

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// notices say what people are told of alerts and cases.
func notices() []talk.Notice { return append(alertNotices(), caseNotices()...) }

// alertNotices tell whose an alert is what others do with it, and who is called
// that they are. Both are mailed by this part, with what the alert is about.
func alertNotices() []talk.Notice {
	direct := func(w talk.Why) bool { return w == talk.Assigned || w == talk.Called }
	notice := func(act, state string, to func(context.Context, sqldb.Querier, feed.Entry) (map[string]talk.Why, error), says func(talk.Told) lang.Text) talk.Notice {
		return talk.Notice{Type: "alert." + act, Icon: "bell", State: state, Thing: thing, To: to, Says: says}
	}
	// many writes what was done with one alert, or with several in one go.
	many := func(en, es, manyEn, manyEs string) func(talk.Told) lang.Text {
		return func(t talk.Told) lang.Text {
			if t.N > 1 {
				return lang.T(t.Actor+" "+strings.ReplaceAll(manyEn, "{0}", lang.Int(lang.English, int64(t.N))), t.Actor+" "+strings.ReplaceAll(manyEs, "{0}", lang.Int(lang.Spanish, int64(t.N))))
			}
			return lang.T(t.Actor+" "+en, t.Actor+" "+es)
		}
	}
	assigned := notice("assigned", "warn", toAssignee, many("assigned it to you", "te la asignó", "assigned {0} alerts to you", "te asignó {0} alertas"))
	assigned.Direct, assigned.Mailed = direct, true
	paged := notice("paged", "bad", toCalled, saysCalled)
	paged.Direct, paged.Mailed, paged.Alone = direct, true, true
	reopened := notice("reopened", "warn", toAssignee, many("opened it again", "la reabrió", "opened {0} alerts again", "reabrió {0} alertas"))
	reopened.Direct = direct
	said := notice("commented", "info", toTalking, func(t talk.Told) lang.Text { return lang.T(t.Actor+" commented", t.Actor+" comentó") })
	said.Alone, said.Icon = true, "comment"
	return []talk.Notice{assigned, paged, reopened, said, notice("closed", "ok", toAssignee, many("closed it", "la cerró", "closed {0} alerts", "cerró {0} alertas"))}
}

// thing is the alert that an entry of the feed is about.
func thing(data json.RawMessage) talk.Thing {
	var t told
	_ = json.Unmarshal(data, &t) // the program wrote it
	return talk.Thing{Title: t.Alert + ": " + t.Title, Path: t.Path, Kind: lang.T("Alert", "Alerta"), Icon: "bell", Resource: Resource}
}

func saysCalled(t talk.Told) lang.Text {
	var p paging
	_ = json.Unmarshal(t.Data, &p) // the program wrote it
	if p.Step > 1 {
		return lang.T("Nobody has acknowledged it, and you are next", "Nadie la ha visto, y ahora te toca a ti")
	}
	return lang.T("It was opened, and you are on call", "Se abrió, y estás de guardia")
}

func toAssignee(_ context.Context, _ sqldb.Querier, e feed.Entry) (map[string]talk.Why, error) {
	var t told
	if err := json.Unmarshal(e.Data, &t); err != nil || t.Assignee == "" {
		return nil, err
	}
	return map[string]talk.Why{t.Assignee: talk.Assigned}, nil
}

func toCalled(_ context.Context, _ sqldb.Querier, e feed.Entry) (map[string]talk.Why, error) {
	var p paging
	err := json.Unmarshal(e.Data, &p)
	return map[string]talk.Why{p.Person: talk.Called}, err
}

// toTalking are whose an alert is and who said something about it before.
func toTalking(ctx context.Context, q sqldb.Querier, e feed.Entry) (map[string]talk.Why, error) {
	who, err := toAssignee(ctx, q, e)
	if err != nil {
		return nil, err
	}
	var t told
	if err := json.Unmarshal(e.Data, &t); err != nil {
		return nil, err
	}
	no, err := ParseID(t.Alert)
	if err != nil {
		return nil, err
	}
	accounts, err := sqldb.Values[string](ctx, q, `SELECT DISTINCT account FROM alert_changes WHERE org = ? AND no = ? AND act = 'commented'`, e.Org, no)
	out := map[string]talk.Why{}
	for _, a := range accounts {
		out[a] = talk.Commented
	}
	for a, why := range who {
		out[a] = why
	}
	return out, err
}

// leads is the relation of a case to who leads it: they are told what happens to
// it.
const leads = "caseLedBy"

// caseNotices tell those who watch a case, and those who have a task in it, of
// what is written into its timeline. That a phase was reached those who watch it
// read in what changed of the case.
func caseNotices() []talk.Notice {
	notice := func(kind, icon, en, es string) talk.Notice {
		return talk.Notice{Type: "case." + kind, Icon: icon, State: "info", Alone: true, To: toTasked, Says: func(t talk.Told) lang.Text { return lang.T(t.Actor+" "+en, t.Actor+" "+es) }}
	}
	phase := notice("phase", "check", "", "")
	phase.Only = func(w talk.Why) bool { return w == talk.Tasked }
	phase.Says = func(t talk.Told) lang.Text {
		word := phaseWords[t.Field("about")]
		return lang.T(t.Actor+" says it is "+word.En, t.Actor+" dice que está "+word.Es)
	}
	task := notice("task", "check", "", "")
	task.Says = func(t talk.Told) lang.Text {
		if t.Field("about") == "done" {
			return lang.T(t.Actor+" did a task of the case", t.Actor+" hizo una tarea del caso")
		}
		return lang.T(t.Actor+" opened a task of the case again", t.Actor+" reabrió una tarea del caso")
	}
	return []talk.Notice{
		notice("note", "comment", "wrote into the timeline", "escribió en la cronología"),
		notice("alert", "bell", "added an alert to the case", "añadió una alerta al caso"),
		notice("merged", "swap", "merged another case into this one", "unió otro caso a este"),
		notice("split", "swap", "split a case off this one", "separó un caso de este"),
		phase, task,
	}
}

// toTasked are those whose tasks are about a case.
func toTasked(ctx context.Context, q sqldb.Querier, e feed.Entry) (map[string]talk.Why, error) {
	refs, err := sqldb.Values[string](ctx, q, `SELECT DISTINCT a.target FROM entities c JOIN relations l ON l.target_id = c.id AND l.type = 'taskOf'
		JOIN entities t ON t.id = l.id AND t.kind = ? AND t.deleted = 0 JOIN relations a ON a.id = t.id AND a.type = 'assignedTo' WHERE c.org = ? AND c.ref = ?`,
		strings.ToLower(auth.KindTask), e.Org, e.Ref)
	out := map[string]talk.Why{}
	for _, ref := range refs {
		out[ref] = talk.Tasked
	}
	return out, err
}
