package main

import (
	"context"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// label is what a task tells of the call that it is answered with.
type label struct {
	user, operation string
	// put is set when the task has it. Tasks that the simulator makes meanwhile are
	// nobody's.
	put bool
}

type labelKey struct{}

// askLabel notes who makes a call that is answered with a task.
func askLabel(ctx *simulator.Context, call *simulator.Method) {
	if strings.HasSuffix(call.Name, "_Task") {
		wanted := &label{user: ctx.Session.UserName, operation: call.Header.ID}
		ctx.Context = context.WithValue(ctx.Context, labelKey{}, wanted)
	}
}

// putLabel labels a task before it does anything: one that is quick is over before its
// call is answered.
func putLabel(ctx *simulator.Context, info *types.TaskInfo) {
	if info.State != types.TaskInfoStateRunning || ctx.Context == nil {
		return
	}
	if wanted, ok := ctx.Value(labelKey{}).(*label); ok && !wanted.put {
		wanted.put = true
		info.Reason = &types.TaskReasonUser{UserName: wanted.user}
		info.ActivationId = wanted.operation
	}
}
