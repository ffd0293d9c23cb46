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

const (
	lookInterval = 10 * time.Second
	quietBytes   = 16 << 20 // allocated in that time: not much goes on
	idleMemory   = 8 << 20  // that nobody uses the program may hold on to
)

// letGo gives memory back that a burst of events, or a long look into them, took,
// until ctx ends: the runtime alone would keep as much again as was in use, and
// while little is allocated its garbage too.
func letGo(ctx context.Context) error {
	of := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(of)
	before := of[0].Value.Uint64()
	return every(ctx, lookInterval, func() {
		metrics.Read(of)
		all, live, objects, free := of[0].Value.Uint64(), of[1].Value.Uint64(), of[2].Value.Uint64(), of[3].Value.Uint64()
		if holds(all-before, live, objects, free) {
			runtime.GC() // what is kept to be used again goes with the second collection
			debug.FreeOSMemory()
		}
		before = all
	})
}

// holds reports whether the program is quiet and holds on to memory that nobody
// uses: objects that are no longer live, and what is free.
func holds(allocated, live, objects, free uint64) bool {
	return allocated < quietBytes && objects+free > live+idleMemory
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, pause time.Duration, f func()) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			f()
		}
	}
}

const (
	busyBytes    = 64 << 20 // allocated in a second: many events come in, or many are read
	restPercent  = 100      // what the heap may grow by before its garbage is collected, at rest
	busyPercent  = 200      // and while the program is busy
	paceInterval = time.Second
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
	of := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	percent, before := restPercent, uint64(0)
	metrics.Read(of)
	before = of[0].Value.Uint64()
	return every(ctx, paceInterval, func() {
		metrics.Read(of)
		all, live := of[0].Value.Uint64(), of[1].Value.Uint64()
		next := percentFor(all-before, live, logs.Memory()/2)
		if before = all; next != percent {
			percent = next
			debug.SetGCPercent(percent)
		}
	})
}

// percentFor is what the heap may grow by, so that it stays within what the
// program may have.
func percentFor(allocated, live, most uint64) int {
	if allocated < busyBytes || live == 0 || most < 2*live {
		return restPercent
	}
	return int(min(busyPercent, 100*(most-live)/live))
}
