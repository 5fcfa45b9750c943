package main

import (
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// sessionsMax is below what a vCenter allows, and far above what a test needs.
	sessionsMax = 100
	// idleLimit is what a vCenter is set up with.
	idleLimit = 30 * time.Minute
)

type session struct {
	user  string
	ended chan struct{}
	// calls under way keep a session alive; used is when the last one ended.
	calls int
	used  time.Time
}

// over tells whether there was a session that has ended.
func (s *session) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// caller gives the live session of a request, if any, and what to call when the
// request has been answered.
func (g *gateway) caller(r *http.Request) (key string, caller *session, leave func()) {
	g.expireIdle()
	nobody := &session{}
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return "", nobody, func() {}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	known, ok := g.sessions[cookie.Value]
	if !ok {
		// The simulator puts a session back that ends while one of its calls begins.
		r.Header.Del("Cookie")
		return cookie.Value, nobody, func() {}
	}
	known.calls++
	return cookie.Value, known, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		known.calls--
		known.used = time.Now()
	}
}

// full refuses a login beyond the limit, as the web server before vCenter does.
func (g *gateway) full(call *simulator.Method) *httptest.ResponseRecorder {
	if call.Name != "Login" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sessions) < g.sessionsMax {
		return nil
	}
	answer := httptest.NewRecorder()
	http.Error(answer, "Service Unavailable", http.StatusServiceUnavailable)
	return answer
}

// learn notes sessions that begin and end.
func (g *gateway) learn(key string, call *simulator.Method, answer *httptest.ResponseRecorder) {
	if answer.Code != http.StatusOK {
		return
	}
	switch req := call.Body.(type) {
	case *types.Login:
		for _, cookie := range answer.Result().Cookies() {
			if cookie.Name == soap.SessionCookieName {
				g.mu.Lock()
				g.sessions[cookie.Value] = &session{user: req.UserName, ended: make(chan struct{}), used: time.Now()}
				g.mu.Unlock()
			}
		}
	case *types.Logout:
		g.forget(key)
	}
}

func (g *gateway) forget(key string) {
	g.mu.Lock()
	known, ok := g.sessions[key]
	delete(g.sessions, key)
	g.mu.Unlock()
	if ok {
		close(known.ended)
		g.sim.changes.endSession(key)
		g.sim.endHistories(key)
	}
}

func (g *gateway) countSessions() int {
	g.expireIdle()
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.sessions)
}

// expireIdle ends the sessions that nobody has used for too long.
func (g *gateway) expireIdle() {
	g.expire(func(s *session) bool {
		return s.calls == 0 && time.Since(s.used) > g.idleLimit
	})
}

// expireSessions ends all sessions and gives their number.
func (g *gateway) expireSessions() int {
	return g.expire(func(*session) bool { return true })
}

func (g *gateway) expire(due func(*session) bool) int {
	g.mu.Lock()
	var keys []string
	for key, known := range g.sessions {
		if due(known) {
			keys = append(keys, key)
		}
	}
	g.mu.Unlock()
	ctx := g.sim.context()
	for _, key := range keys {
		// A session that ended by itself is unknown here: nothing to end.
		_ = g.sim.objects().SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
		g.forget(key)
	}
	return len(keys)
}
