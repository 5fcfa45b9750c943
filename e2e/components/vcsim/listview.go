package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// listView is a view of the objects that its owner names.
type listView struct {
	mo.ListView
	changes *changes
}

// Get is how the simulator reads the properties.
func (v *listView) Get() mo.Reference {
	seen := v.ListView
	seen.View = v.changes.list(v.Self)
	return &seen
}

// CreateListView stands in for the simulator's, which lists unknown objects too.
func (c *corrections) CreateListView(ctx *simulator.Context, req *types.CreateListView) soap.HasFault {
	body := &methods.CreateListViewBody{}
	for _, ref := range req.Obj {
		if ctx.Session.Get(ref) == nil {
			body.Fault_ = simulator.Fault("", &types.ManagedObjectNotFound{Obj: ref})
			return body
		}
	}
	made := &listView{changes: changesOf(ctx)}
	made.Self.Type = "ListView"
	body.Res = &types.CreateListViewResponse{Returnval: ctx.Session.Put(made).Reference()}
	v := &view{session: ctx.Session.Key, members: make(map[types.ManagedObjectReference]uint64)}
	made.changes.addView(ctx.Map, made.Self, v)
	made.change(ctx, req.Obj, nil)
	return body
}

// change adds and removes, and gives the objects that do not exist.
func (v *listView) change(ctx *simulator.Context, add, remove []types.ManagedObjectReference) (unknown []types.ManagedObjectReference) {
	var known []types.ManagedObjectReference
	for _, ref := range add {
		if ctx.Session.Get(ref) == nil {
			unknown = append(unknown, ref)
		} else {
			known = append(known, ref)
		}
	}
	c := v.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if own, ok := c.views[v.Self]; ok {
		for _, ref := range remove {
			c.put(own, ref, false)
		}
		for _, ref := range known {
			c.put(own, ref, true)
		}
	}
	return unknown
}

// ModifyListView adds and removes objects.
func (v *listView) ModifyListView(ctx *simulator.Context, req *types.ModifyListView) soap.HasFault {
	return &methods.ModifyListViewBody{Res: &types.ModifyListViewResponse{
		Returnval: v.change(ctx, req.Add, req.Remove)}}
}

// ResetListView replaces all objects.
func (v *listView) ResetListView(ctx *simulator.Context, req *types.ResetListView) soap.HasFault {
	return &methods.ResetListViewBody{Res: &types.ResetListViewResponse{
		Returnval: v.change(ctx, req.Obj, v.changes.list(v.Self))}}
}

// DestroyView ends the view; what filters show of it leaves them.
func (v *listView) DestroyView(ctx *simulator.Context, req *types.DestroyView) soap.HasFault {
	v.changes.dropView(req.This)
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyViewBody{Res: &types.DestroyViewResponse{}}
}
