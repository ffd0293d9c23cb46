package app

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/binnaclehq/binnacle/internal/logs"
)

// heap is how the memory of the program is, and how many bytes were allocated
// since somebody looked last.
type heap struct{ allocated, live, objects, free uint64 }

// watch calls f with the heap again and again until ctx ends.
func watch(ctx context.Context, pause time.Duration, f func(heap)) error {
	of := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(of)
	before := of[0].Value.Uint64()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		metrics.Read(of)
		all := of[0].Value.Uint64()
		f(heap{all - before, of[1].Value.Uint64(), of[2].Value.Uint64(), of[3].Value.Uint64()})
		before = all
	}
}

const (
	quietBytes = 16 << 20 // allocated in ten seconds: not much goes on
	idleMemory = 8 << 20  // that nobody uses the program may hold on to
)

// letGo gives memory back that a burst of events, or a long look into them, took,
// until ctx ends: the runtime alone would keep as much again as was in use, and
// while little is allocated its garbage too.
func letGo(ctx context.Context) error {
	return watch(ctx, 10*time.Second, func(h heap) {
		if h.idle() {
			runtime.GC() // what is kept to be used again goes with the second collection
			debug.FreeOSMemory()
		}
	})
}

// idle reports whether the program is quiet and holds on to memory that nobody
// uses: objects that are no longer live, and what is free.
func (h heap) idle() bool {
	return h.allocated < quietBytes && h.objects+h.free > h.live+idleMemory
}

const (
	busyBytes   = 64 << 20 // allocated in a second: many events come in, or many are read
	restPercent = 100      // what the heap may grow by before its garbage is collected, at rest
	busyPercent = 200      // and while the program is busy
)

// pace has garbage collected less often while much is allocated, until ctx ends:
// a burst of events is stored with a tenth less of processor time, and at rest the
// heap stays small. Who sets GOGC has chosen.
func pace(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return ctx.Err()
	}
	defer debug.SetGCPercent(restPercent)
	percent := restPercent
	return watch(ctx, time.Second, func(h heap) {
		if next := h.percent(logs.Memory() / 2); next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
	})
}

// percent is what the heap may grow by, so that it stays within what the program
// may have.
func (h heap) percent(most uint64) int {
	if h.allocated < busyBytes || h.live == 0 || most < 2*h.live {
		return restPercent
	}
	return int(min(busyPercent, 100*(most-h.live)/h.live))
}
