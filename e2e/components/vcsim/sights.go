package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// collect reads what is marked and gives what the client has to hear of it.
//
// Objects are read one after another while the world goes on. What changes
// meanwhile is read again until nothing does, so that an answer shows one moment:
// who sees that a task has ended sees what it did.
func (p *collector) collect(ctx *simulator.Context, c *changes) []types.PropertyFilterUpdate {
	seen := make(map[*filter]*sights)
	for range roundsMax {
		work := c.take(p)
		if len(work) == 0 {
			break
		}
		for _, marked := range work {
			if seen[marked.filter] == nil {
				seen[marked.filter] = &sights{found: make(map[types.ManagedObjectReference]sight)}
			}
			seen[marked.filter].read(ctx, p, marked)
		}
	}
	c.mu.Lock()
	filters := append([]*filter(nil), p.filters...)
	c.mu.Unlock()
	var updates []types.PropertyFilterUpdate
	for _, f := range filters {
		update := types.PropertyFilterUpdate{Filter: f.Self}
		if seen[f] == nil {
			continue
		}
		for _, ref := range seen[f].order {
			if told := f.tell(ref, seen[f].found[ref]); told != nil {
				update.ObjectSet = append(update.ObjectSet, *told)
			}
		}
		if len(update.ObjectSet) > 0 {
			updates = append(updates, update)
		}
	}
	return updates
}

// marked is what one filter has to read.
type marked struct {
	filter *filter
	shown  []types.ManagedObjectReference
	gone   []types.ManagedObjectReference
}

// take gives what is marked, and marks it no more.
func (c *changes) take(p *collector) (work []marked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range p.filters {
		if len(f.marked) == 0 {
			continue
		}
		m := marked{filter: f}
		for _, ref := range inOrder(f.marked) {
			if f.selects(ref) {
				m.shown = append(m.shown, ref)
			} else {
				m.gone = append(m.gone, ref)
			}
		}
		clear(f.marked)
		work = append(work, m)
	}
	return work
}

// sights is what a filter's objects looked like, in the order of their marks.
type sights struct {
	order []types.ManagedObjectReference
	found map[types.ManagedObjectReference]sight
}

func (s *sights) read(ctx *simulator.Context, p *collector, m marked) {
	for _, ref := range append(append([]types.ManagedObjectReference(nil), m.gone...), m.shown...) {
		if _, before := s.found[ref]; !before {
			s.order = append(s.order, ref)
		}
		s.found[ref] = nil
	}
	if len(m.shown) == 0 {
		return
	}
	req := &types.RetrievePropertiesEx{This: p.Self, SpecSet: []types.PropertyFilterSpec{{
		PropSet: m.filter.Spec.PropSet,
		// One may go while it is looked for.
		ReportMissingObjectsInResults: types.NewBool(true),
	}}}
	for _, ref := range m.shown {
		req.SpecSet[0].ObjectSet = append(req.SpecSet[0].ObjectSet, types.ObjectSpec{Obj: ref})
	}
	body, ok := p.RetrievePropertiesEx(ctx, req).(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return
	}
	for i := range body.Res.Returnval.Objects {
		object := &body.Res.Returnval.Objects[i]
		s.found[object.Obj] = object
	}
}
