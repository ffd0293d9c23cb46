package claimweb

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// replayTab asks the tests again about a moment of the past, and sets what is
// answered beside what was recorded then.
type replayTab struct {
	Path    string
	AsOf    string // as typed
	At      time.Time
	Today   string
	Rows    []replayed
	Problem string
	Same    bool // every test that was asked again says what was recorded
}

type replayed struct {
	claim.Replayed
	Name        string
	Now, Then   string // the figures
	Href        string // of the recorded run
	Asked       bool   // the form can be asked again
	Differences []difference
}

// difference is one thing that the two do not agree on.
type difference struct{ Label, Then, Now string }

func loadReplay(c *web.Ctx, e *entity.Entity) (any, error) {
	p := &replayTab{Path: c.Href(e.Ref()) + "/replay", AsOf: c.Param("asOf"), Today: c.Today()}
	if p.AsOf == "" {
		return p, nil
	}
	at, err := claim.ParseMoment(p.AsOf, c.Here())
	if err != nil {
		p.Problem = c.T("claims.replay.moment")
		return p, nil
	}
	p.At = at
	list, err := c.App.Claims.Replay(c.R.Context(), c.Caller, e.Ref(), at)
	switch {
	case fault.Is(err, fault.NotFound):
		p.Problem = c.T("claims.replay.before")
		return p, nil
	case fault.Is(err, fault.Invalid):
		p.Problem = c.T("problem.future")
		return p, nil
	case err != nil:
		return nil, err
	}
	v, err := viewOf(c, e)
	if err != nil {
		return nil, err
	}
	o := opened{e, v}
	p.Same = true
	for _, r := range list {
		row := replayedOf(c, &o, r)
		p.Same = p.Same && (!row.Asked || r.Same)
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func replayedOf(c *web.Ctx, o *opened, r claim.Replayed) replayed {
	out := replayed{Replayed: r, Name: r.Probe.Label(), Asked: r.Run != nil}
	if r.Recorded != nil {
		out.Then, out.Href = found(c, r.Probe, r.Scale, r.Recorded), runPath(c, o.entity.Ref(), r.Recorded.Seq)
	}
	if r.Run != nil {
		out.Now = found(c, r.Probe, r.Scale, r.Run)
	}
	if r.Run != nil && r.Recorded != nil && !r.Same {
		out.Differences = differences(c, r)
	}
	return out
}

func differences(c *web.Ctx, r claim.Replayed) []difference {
	var out []difference
	add := func(key, then, now string) {
		if then != now {
			out = append(out, difference{c.T(key), then, now})
		}
	}
	n := func(x *claim.Run) (string, string) {
		if x.N < 0 {
			return "–", "–"
		}
		return c.Num(x.N), c.Num(x.Exceptions)
	}
	thenN, thenX := n(r.Recorded)
	nowN, nowX := n(r.Run)
	add("claims.verdict", c.In(r.Recorded.Verdict.Word()), c.In(r.Run.Verdict.Word()))
	add("claims.value", found(c, r.Probe, r.Scale, r.Recorded), found(c, r.Probe, r.Scale, r.Run))
	add("claims.population", thenN, nowN)
	add("claims.failing", thenX, nowX)
	add("claims.hash.query", r.Recorded.Query[:16], r.Run.Query[:16])
	add("claims.hash.result", r.Recorded.Result[:16], r.Run.Result[:16])
	return out
}
