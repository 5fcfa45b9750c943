package main

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// record is one call to the vSphere API as the simulator saw it.
type record struct {
	// Seq rises by one with each call, in the order of arrival.
	Seq         uint64 `json:"seq"`
	Method      string `json:"method"`
	Object      string `json:"object"`
	OperationID string `json:"operation_id"`
	Session     string `json:"session"`
	User        string `json:"user"`
	// Outcome is pending, ok, fault, lost (executed, the answer was withheld)
	// or dropped (not executed, no answer).
	Outcome   string `json:"outcome"`
	Fault     string `json:"fault,omitempty"`
	Task      string `json:"task,omitempty"`
	StartedMs int64  `json:"started_ms"`
	EndedMs   int64  `json:"ended_ms"`
	// Arguments holds what a test wants to know of the request.
	Arguments map[string]string `json:"arguments"`
}

type trace struct {
	mu      sync.Mutex
	records []*record
	// tasks finds the call that made a task.
	tasks map[string]*record
}

func (t *trace) begin(call *simulator.Method, session, user string) *record {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &record{
		Seq:         uint64(len(t.records)) + 1,
		Method:      call.Name,
		Object:      call.This.Value,
		OperationID: call.Header.ID,
		Session:     session,
		User:        user,
		Outcome:     "pending",
		StartedMs:   time.Now().UnixMilli(),
		Arguments:   arguments(call.Body),
	}
	t.records = append(t.records, r)
	return r
}

func (t *trace) end(r *record, outcome, fault, task string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Outcome, r.Fault, r.Task, r.EndedMs = outcome, fault, task, time.Now().UnixMilli()
	if task != "" {
		if t.tasks == nil {
			t.tasks = make(map[string]*record)
		}
		t.tasks[task] = r
	}
}

// since marshals under the lock, because pending records still change.
func (t *trace) since(seq uint64) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := min(seq, uint64(len(t.records)))
	calls := t.records[from:]
	if calls == nil {
		calls = []*record{}
	}
	return json.Marshal(map[string]any{"calls": calls, "last": len(t.records)})
}

// operation gives the operation id and the user of the call that made a task.
func (t *trace) operation(task string) (operationID, user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.tasks[task]; ok {
		return r.OperationID, r.User
	}
	return "", ""
}

func arguments(body any) map[string]string {
	known := make(map[string]string)
	switch req := body.(type) {
	case *types.CloneVM_Task:
		known["name"] = req.Name
		known["folder"] = req.Folder.Value
		if req.Spec.Config != nil {
			known["instance_uuid"] = req.Spec.Config.InstanceUuid
		}
	case *types.CreateFolder:
		known["name"] = req.Name
	case *types.PowerOnMultiVM_Task:
		text, _ := json.Marshal(values(req.Vm))
		known["vms"] = string(text)
	case *types.Login:
		known["user"] = req.UserName
	}
	return known
}

func values(refs []types.ManagedObjectReference) []string {
	names := make([]string, 0, len(refs))
	for _, ref := range refs {
		names = append(names, ref.Value)
	}
	return names
}
