package app

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// idleMemory is how many bytes that nobody uses the program may hold on to.
const idleMemory = 48 << 20

// letGo gives memory back that a burst of events, or a long look into them, took,
// until ctx ends: the runtime alone would keep as much again as is in use.
func letGo(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapIdle-m.HeapReleased > idleMemory {
			debug.FreeOSMemory()
		}
	}
}
