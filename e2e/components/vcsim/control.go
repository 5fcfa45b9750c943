package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// newControl serves the control port. Reads are GET, everything else is POST
// with a JSON body, the answer to which is JSON, or text with status 400.
func newControl(sim *inventory, gate *gateway) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"ok": true})
	})
	mux.HandleFunc("GET /vms", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, sim.listVMs()) })
	mux.HandleFunc("GET /folders", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"folders": sim.listFolders()})
	})
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"tasks": sim.listTasks(&gate.trace)})
	})
	mux.HandleFunc("GET /sessions", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"count": gate.countSessions()})
	})
	mux.HandleFunc("GET /trace", func(w http.ResponseWriter, r *http.Request) {
		seq, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text, err := gate.trace.since(seq)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})

	post(mux, "/task-delays", func(_ context.Context, ms map[string]int) (any, error) {
		setTaskDelays(ms)
		return nil, nil
	})
	post(mux, "/call-delays", func(_ context.Context, ms map[string]int) (any, error) {
		gate.rules.setDelays(ms)
		return nil, nil
	})
	post(mux, "/faults", func(_ context.Context, rule faultRule) (any, error) {
		return nil, gate.rules.addFault(&rule)
	})
	post(mux, "/triggers", func(_ context.Context, t trigger) (any, error) {
		return nil, gate.rules.addTrigger(&t)
	})
	post(mux, "/rules/clear", func(context.Context, struct{}) (any, error) {
		gate.rules.clear()
		return nil, nil
	})
	post(mux, "/outage", func(_ context.Context, want struct {
		On bool `json:"on"`
	}) (any, error) {
		gate.rules.setOutage(want.On)
		return nil, nil
	})
	post(mux, "/sessions/expire", func(context.Context, struct{}) (any, error) {
		return map[string]any{"count": gate.expireSessions()}, nil
	})
	newSettings(mux, sim, gate)
	post(mux, "/folders/create", sim.createFolder)
	post(mux, "/vms/create", sim.createStranger)
	post(mux, "/vms/copy", sim.copyVM)
	post(mux, "/vms/delete", sim.deleteVM)
	post(mux, "/vms/rename", sim.renameVM)
	post(mux, "/folders/rename", sim.renameFolder)
	post(mux, "/vms/move", sim.moveVM)
	post(mux, "/vms/disk", sim.replaceDisk)
	post(mux, "/vms/power", sim.setPower)
	post(mux, "/vms/connection", sim.setConnection)
	post(mux, "/vms/extra-config", sim.setExtraConfig)
	return mux
}

// post reads a body strictly: a misspelt field would make a test pass falsely.
func post[T any](mux *http.ServeMux, path string, act func(context.Context, T) (any, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var request T
		decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := act(r.Context(), request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if answer == nil {
			answer = map[string]any{}
		}
		writeJSON(w, answer)
	})
}
