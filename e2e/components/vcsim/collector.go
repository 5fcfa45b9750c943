package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// updatesMax is vCenter's own limit of objects in one answer.
	updatesMax = 100
	// gathering is how long changes are collected before they are answered.
	gathering = 10 * time.Millisecond
	// roundsMax bounds how often objects that change while others are read are
	// read again.
	roundsMax = 20
)

// collector is a property collector that answers with what has changed.
// The simulator's own reads all objects for each new one and forgets an answer
// before the client has it.
//
// An answer is kept until the client asks with its version, and is given again
// when the client asks with the version before:
//
//	"" ──▶ everything ──▶ 1 ──▶ changes ──▶ 2 ──▶ …     any other: InvalidCollectorVersion
type collector struct {
	simulator.PropertyCollector

	// These two are guarded by changes.mu.
	filters []*filter
	bell    chan struct{}

	// waits guards what ends the wait under way.
	waits   sync.Mutex
	pending context.CancelFunc

	// turn is held by the wait under way, and guards the rest.
	turn    sync.Mutex
	version uint64
	from    string
	last    *types.UpdateSet
	rest    []*types.UpdateSet
}

// ring wakes the wait under way, or the next one.
func (p *collector) ring() {
	select {
	case p.ringing() <- struct{}{}:
	default:
	}
}

func (p *collector) ringing() chan struct{} {
	if p.bell == nil {
		p.bell = make(chan struct{}, 1)
	}
	return p.bell
}

// stop ends the wait under way.
func (p *collector) stop() {
	p.waits.Lock()
	defer p.waits.Unlock()
	if p.pending != nil {
		p.pending()
	}
}

// begin ends an earlier wait and notes this one.
func (p *collector) begin(options *types.WaitOptions) (context.Context, context.CancelFunc) {
	wait, cancel := context.WithCancel(context.Background())
	if options != nil && options.MaxWaitSeconds != nil && *options.MaxWaitSeconds > 0 {
		limit := time.Duration(*options.MaxWaitSeconds) * time.Second
		wait, cancel = context.WithTimeout(context.Background(), limit)
	}
	p.stop()
	p.waits.Lock()
	defer p.waits.Unlock()
	p.pending = cancel
	return wait, cancel
}

// CreatePropertyCollector gives a session a collector of its own.
func (p *collector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	return createCollector(ctx)
}

// CreatePropertyCollector stands in for the simulator's.
func (c *corrections) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	return createCollector(ctx)
}

func createCollector(ctx *simulator.Context) soap.HasFault {
	made := &collector{}
	made.Self.Type = "PropertyCollector"
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{
		Returnval: ctx.Session.Put(made).Reference()}}
}

// DestroyPropertyCollector ends a collector with its filters.
func (p *collector) DestroyPropertyCollector(ctx *simulator.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	p.stop()
	c := changesOf(ctx)
	c.mu.Lock()
	filters := append([]*filter(nil), p.filters...)
	c.mu.Unlock()
	for _, f := range filters {
		c.dropFilter(f)
		ctx.Session.Remove(ctx, f.Self)
	}
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyCollectorBody{Res: &types.DestroyPropertyCollectorResponse{}}
}

// CancelWaitForUpdates ends the wait under way with RequestCanceled.
func (p *collector) CancelWaitForUpdates(*types.CancelWaitForUpdates) soap.HasFault {
	p.stop()
	return &methods.CancelWaitForUpdatesBody{Res: &types.CancelWaitForUpdatesResponse{}}
}

// WaitForUpdates is the older form, which knows no options.
func (p *collector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	set, fault := p.wait(ctx, req.Version, nil)
	if fault != nil {
		return &methods.WaitForUpdatesBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{Returnval: *set}}
}

// WaitForUpdatesEx answers with the changes since a version.
func (p *collector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	set, fault := p.wait(ctx, req.Version, req.Options)
	if fault != nil {
		return &methods.WaitForUpdatesExBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{Returnval: set}}
}

// wait gives nil when the time is over.
func (p *collector) wait(ctx *simulator.Context, version string, options *types.WaitOptions) (*types.UpdateSet, types.BaseMethodFault) {
	wait, cancel := p.begin(options)
	defer cancel()
	p.turn.Lock()
	defer p.turn.Unlock()
	c := changesOf(ctx)
	most, atOnce := limits(options)
	switch {
	case version == "":
		p.restart(c)
		set := cut(p.collect(ctx, c), most)
		return p.answer("", set), nil
	case p.version == 0 || version != strconv.FormatUint(p.version, 10):
		if p.last != nil && version == p.from {
			return p.last, nil
		}
		return nil, &types.InvalidCollectorVersion{}
	}
	p.last = nil
	if len(p.rest) > 0 {
		return p.answer(version, p.rest), nil
	}
	for {
		if updates := p.collect(ctx, c); len(updates) > 0 {
			return p.answer(version, cut(updates, most)), nil
		}
		if atOnce {
			return nil, nil
		}
		c.mu.Lock()
		bell := p.ringing()
		c.mu.Unlock()
		select {
		case <-wait.Done():
			if wait.Err() == context.DeadlineExceeded {
				return nil, nil
			}
			return nil, &types.RequestCanceled{}
		case <-bell:
			time.Sleep(gathering)
		}
	}
}

func limits(options *types.WaitOptions) (most int, atOnce bool) {
	most = updatesMax
	if options == nil {
		return most, false
	}
	if asked := int(options.MaxObjectUpdates); asked > 0 {
		most = min(most, asked)
	}
	return most, options.MaxWaitSeconds != nil && *options.MaxWaitSeconds == 0
}

// restart forgets what the client was told.
func (p *collector) restart(c *changes) {
	p.last, p.rest = nil, nil
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range p.filters {
		clear(f.known)
		clear(f.marked)
		c.markAll(f)
	}
}

// answer gives the first of some sets under a new version and keeps the others.
func (p *collector) answer(from string, sets []*types.UpdateSet) *types.UpdateSet {
	p.version++
	p.from, p.last, p.rest = from, sets[0], sets[1:]
	p.last.Version = strconv.FormatUint(p.version, 10)
	if len(p.rest) > 0 {
		p.last.Truncated = types.NewBool(true)
	}
	return p.last
}

// cut makes sets of so many objects; without any update it makes an empty one.
func cut(updates []types.PropertyFilterUpdate, most int) []*types.UpdateSet {
	set, space := &types.UpdateSet{}, most
	sets := []*types.UpdateSet{set}
	for _, update := range updates {
		for objects := update.ObjectSet; len(objects) > 0; {
			if space == 0 {
				set, space = &types.UpdateSet{}, most
				sets = append(sets, set)
			}
			taken := min(space, len(objects))
			set.FilterSet = append(set.FilterSet, types.PropertyFilterUpdate{
				Filter: update.Filter, ObjectSet: objects[:taken]})
			objects, space = objects[taken:], space-taken
		}
	}
	return sets
}
