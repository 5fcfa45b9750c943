package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// taskRetention is about what a vCenter keeps.
const taskRetention = 10 * time.Minute

// retire lets a task that has ended go: the folder that it cloned into at once,
// its object and its place among the recent tasks when their time has come. The
// control port goes on to list it.
func (sim *inventory) retire(ref types.ManagedObjectReference) {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if folder, ok := sim.clones[ref]; ok {
		delete(sim.clones, ref)
		sim.cloning[folder]--
	}
	time.AfterFunc(sim.taskRetention, func() {
		task, ok := sim.objects().Get(ref).(*simulator.Task)
		if !ok {
			return
		}
		ctx := sim.context()
		var entity *types.ManagedObjectReference
		ctx.WithLock(task, func() {
			entity = task.Info.Entity
			sim.mu.Lock()
			defer sim.mu.Unlock()
			sim.retired = append(sim.retired, task.Info)
		})
		sim.objects().Remove(ctx, ref)
		if manager, ok := sim.objects().Get(*sim.client.ServiceContent.TaskManager).(*simulator.TaskManager); ok {
			ctx.WithLock(manager, func() {
				ctx.Update(manager, without(manager.RecentTask, ref))
			})
		}
		if entity == nil {
			return
		}
		if on, ok := sim.objects().Get(*entity).(mo.Entity); ok {
			ctx.WithLock(on, func() { ctx.Update(on, without(on.Entity().RecentTask, ref)) })
		}
	})
}

func without(recent []types.ManagedObjectReference, ref types.ManagedObjectReference) []types.PropertyChange {
	left := make([]types.ManagedObjectReference, 0, len(recent))
	for _, other := range recent {
		if other != ref {
			left = append(left, other)
		}
	}
	return []types.PropertyChange{{Name: "recentTask", Val: left}}
}

// ended tells whether changes of a task's properties end it.
func ended(properties []types.PropertyChange) bool {
	for _, property := range properties {
		if property.Name == "info.state" &&
			(property.Val == types.TaskInfoStateSuccess || property.Val == types.TaskInfoStateError) {
			return true
		}
	}
	return false
}
