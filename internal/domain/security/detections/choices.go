package detections

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
)

// hand is under which name the program reads what is decided about rules.
const hand = "detections"

// Choices reads what organisations decided about their rules.
func Choices(c *catalog.Catalog) func(context.Context, string) (live.Choices, error) {
	return func(ctx context.Context, org string) (live.Choices, error) {
		var out live.Choices
		zone, err := auth.Zone(ctx, c.DB(), org)
		if err != nil {
			return out, err
		}
		err = c.Each(ctx, catalog.Program(org, hand), catalog.Query{Kinds: []string{KindDetection, KindRuleSet}}, func(e *entity.Entity) error {
			if e.Kind == KindRuleSet {
				s, err := catalog.Spec[RuleSet](e)
				out.Switches = append(out.Switches, live.Switch{Source: s.Set, Levels: s.Levels, Statuses: s.Statuses, Tags: s.Tags, Products: s.Products})
				return err
			}
			t, err := tuningOf(e, zone)
			out.Tunings = append(out.Tunings, t)
			return err
		})
		return out, err
	}
}

// tuningOf is a Detection as the engine knows it, in an organisation that counts
// its days in a zone.
func tuningOf(e *entity.Entity, zone *time.Location) (live.Tuning, error) {
	s, err := catalog.Spec[Detection](e)
	t := live.Tuning{Ref: e.Ref().String(), Rule: s.Rule, Of: s.Of, State: s.State, Level: s.Level, Filters: s.Filters, Group: s.Group}
	t.Revision, _ = strconv.ParseInt(e.Metadata.ResourceVersion, 10, 64) // the server sets it
	t.Window = claim.DurationOr(s.Window, 0)
	for _, x := range s.Exceptions {
		t.Exceptions = append(t.Exceptions, live.Exception{Title: x.Title, When: x.When, Until: endOf(x.Until, zone), Reason: x.Reason, By: x.By})
	}
	return t, err
}

// endOf is the end of a day, from when on an exception counts no more; zero for
// none.
func endOf(day string, zone *time.Location) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}
	}
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, zone)
}

// lastDay is the day that endOf is the end of; zero for none.
func lastDay(end time.Time) time.Time {
	if end.IsZero() {
		return end
	}
	return end.Add(-time.Nanosecond)
}

// Changed tells which organisations decided something about their rules after an
// entry of the feed, and whether indicators changed.
func Changed(f *feed.Feed) func(context.Context, int64) ([]string, bool, error) {
	return func(ctx context.Context, after int64) (orgs []string, indicators bool, err error) {
		seen := map[string]bool{}
		for {
			list, next, err := f.Page(ctx, after, 1000, "entity.*", "observed."+indicatorTable.Name)
			if err != nil {
				return nil, false, err
			}
			for _, e := range list {
				kind, _, _ := strings.Cut(e.Ref, ":")
				isIndicator := e.Type == "observed."+indicatorTable.Name
				indicators = indicators || isIndicator
				if (isIndicator || strings.EqualFold(kind, KindDetection) || strings.EqualFold(kind, KindRuleSet)) && !seen[e.Org] {
					seen[e.Org] = true
					orgs = append(orgs, e.Org)
				}
			}
			if len(list) == 0 || next <= after {
				return orgs, indicators, nil
			}
			after = next
		}
	}
}
