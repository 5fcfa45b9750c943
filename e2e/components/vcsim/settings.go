package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// newSettings serves what tests set up about vCenter itself; main.go says what
// holds without it.
func newSettings(mux *http.ServeMux, sim *inventory, gate *gateway) {
	post(mux, "/password", func(_ context.Context, want struct {
		Password string `json:"password"`
	}) (any, error) {
		if want.Password == "" {
			return nil, errors.New("the password is empty")
		}
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.password = want.Password
		return nil, nil
	})
	post(mux, "/hot-add", func(_ context.Context, want struct {
		On bool `json:"on"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.hotAdd = want.On
		return nil, nil
	})
	post(mux, "/drs", func(_ context.Context, want struct {
		On bool `json:"on"`
	}) (any, error) {
		for _, found := range sim.objects().All("ClusterComputeResource") {
			cluster := found.(*simulator.ClusterComputeResource)
			sim.context().WithLock(cluster, func() {
				config := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
				config.DrsConfig.Enabled = types.NewBool(want.On)
			})
		}
		return nil, nil
	})
	post(mux, "/sessions/limits", func(_ context.Context, want struct {
		Max    int `json:"max"`
		IdleMs int `json:"idle_ms"`
	}) (any, error) {
		if want.Max < 0 || want.IdleMs < 0 {
			return nil, errors.New("a limit is negative")
		}
		gate.mu.Lock()
		defer gate.mu.Unlock()
		gate.sessionsMax, gate.idleLimit = sessionsMax, idleLimit
		if want.Max > 0 {
			gate.sessionsMax = want.Max
		}
		if want.IdleMs > 0 {
			gate.idleLimit = time.Duration(want.IdleMs) * time.Millisecond
		}
		return nil, nil
	})
	post(mux, "/tasks/retention", func(_ context.Context, want struct {
		Ms int `json:"ms"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.taskRetention = time.Duration(want.Ms) * time.Millisecond
		return nil, nil
	})
	post(mux, "/tasks/history", func(_ context.Context, want struct {
		Lags bool `json:"lags"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.historyLags = want.Lags
		return nil, nil
	})
	// A row of the database that a vCenter which crashed has left behind.
	post(mux, "/tasks/ghost", func(_ context.Context, want struct {
		Name string `json:"name"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		ghost := types.ManagedObjectReference{Type: "Task", Value: want.Name}
		sim.retired = append(sim.retired, types.TaskInfo{
			Key:           ghost.Value,
			Task:          ghost,
			DescriptionId: "VirtualMachine.clone",
			State:         types.TaskInfoStateRunning,
			Reason:        &types.TaskReasonUser{UserName: sim.user},
			QueueTime:     time.Now(),
		})
		return nil, nil
	})
	post(mux, "/instance-uuids", func(_ context.Context, want struct {
		Unique bool `json:"unique"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.uniqueUUIDs = want.Unique
		return nil, nil
	})
	post(mux, "/privileges/missing", func(_ context.Context, want struct {
		Privileges []string `json:"privileges"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.missing = want.Privileges
		return nil, nil
	})
	post(mux, "/clock", func(_ context.Context, want struct {
		SkewMs int `json:"skew_ms"`
	}) (any, error) {
		sim.mu.Lock()
		defer sim.mu.Unlock()
		sim.skew = time.Duration(want.SkewMs) * time.Millisecond
		return nil, nil
	})
}
