package main

import (
	"slices"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// needed is the privilege without which a call is refused.
var needed = map[string]string{
	"CreateFolder":              "Folder.Create",
	"UnregisterAndDestroy_Task": "Folder.Delete",
	"CloneVM_Task":              "VirtualMachine.Provisioning.DeployTemplate",
	"ReconfigVM_Task":           "VirtualMachine.Config.Settings",
	"PowerOnMultiVM_Task":       "VirtualMachine.Interact.PowerOn",
	"PowerOffVM_Task":           "VirtualMachine.Interact.PowerOff",
	"SuspendVM_Task":            "VirtualMachine.Interact.Suspend",
	"Destroy_Task":              "VirtualMachine.Inventory.Delete",
}

// lacks tells whether the operator's user has been denied a privilege.
func (sim *inventory) lacks(privilege string) bool {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	return slices.Contains(sim.missing, privilege)
}

// refuseUnprivileged gives NoPermission for a call whose privilege is missing.
func (c *corrections) refuseUnprivileged(call *simulator.Method) types.BaseMethodFault {
	if privilege, ok := needed[call.Name]; ok && c.sim.lacks(privilege) {
		return &types.NoPermission{Object: &call.This, PrivilegeId: privilege}
	}
	return nil
}

// FetchUserPrivilegeOnEntities leaves out what is missing.
func (c *corrections) FetchUserPrivilegeOnEntities(ctx *simulator.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	manager := ctx.Map.Get(*c.sim.client.ServiceContent.AuthorizationManager).(*simulator.AuthorizationManager)
	body := manager.FetchUserPrivilegeOnEntities(req)
	if answer, ok := body.(*methods.FetchUserPrivilegeOnEntitiesBody); ok && answer.Res != nil {
		for i := range answer.Res.Returnval {
			// The list is the role's own: it is copied before it is cut.
			has := slices.Clone(answer.Res.Returnval[i].Privileges)
			answer.Res.Returnval[i].Privileges = slices.DeleteFunc(has, c.sim.lacks)
		}
	}
	return body
}

// now is the time by vCenter's clock.
func (sim *inventory) now() time.Time {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	return time.Now().Add(sim.skew)
}

// CurrentTime is what vCenter's clock shows.
func (c *corrections) CurrentTime(*simulator.Context, *types.CurrentTime) soap.HasFault {
	return &methods.CurrentTimeBody{Res: &types.CurrentTimeResponse{Returnval: c.sim.now()}}
}
