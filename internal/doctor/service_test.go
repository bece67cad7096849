package doctor

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/rotation/state"
)

func TestService(t *testing.T) {
	for what, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string // URL stands for the base URL of the service
	}{
		"well": {nil, ""},
		"trouble": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			"problem: URL answers 502: the service itself fails, try again later | ocgo-key doctor"},
		"a sign-in page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
			"problem: URL does not answer as the Go service does (status 200): it may be another program, or a sign-in page | ocgo-key doctor"},
		"another program": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
			"problem: URL does not answer as the Go service does (status 401): it may be another program, or a sign-in page | ocgo-key doctor"},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			m.answer = tt.answer
			if tt.want == "" {
				assert.Regexp(t, `^`+m.service.URL+` answers in \d+ ms$`, m.finds("service").Well)
				return
			}
			m.finds("service", strings.ReplaceAll(tt.want, "URL", m.service.URL))
		})
	}
	m := newMachine(t)
	m.env["OCGO_KEY_BASE_URL"] = "set"
	m.service.Close()
	r := m.examine("service")
	require.Len(t, r.Findings, 1)
	assert.Contains(t, r.Findings[0].What, m.service.URL+" cannot be reached: ")
	assert.Contains(t, r.Findings[0].What, "; is this machine online?")
	assert.Equal(t, "unset OCGO_KEY_BASE_URL", r.Findings[0].Fix)
}

// A key that the service refuses is only a note. Doctor sends no request for an account that is
// disabled or has no key.
func TestRefusedAccounts(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized: "note: the service does not know the key of Work (401) | ocgo-key replace Work",
		http.StatusForbidden:    "note: the service says that Work has no Go subscription (403) | ocgo-key replace Work",
	} {
		m := newMachine(t)
		m.account("0123456789abcdef", "Work")
		m.account("1111111111111111", "Off")
		m.account("2222222222222222", "Refused")
		m.account("3333333333333333", "Broken")
		m.change(func(s *state.State) {
			s.Accounts[1].Disabled = true
			s.Accounts[2].Rejected = &state.Rejection{Reason: "AuthError"}
		})
		m.keys.keys["3333333333333333"] = "sk-1\nX-Other: 1"
		m.answer = func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("Authorization")
			assert.NotContains(t, key, "1111111111111111")
			if key != "" {
				w.WriteHeader(status)
				return
			}
			refuse(w, r)
		}
		m.finds("service", want)
	}
}

// refuse answers as the service does to a request without a valid key.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"type":"error","error":{"type":"AuthError","message":"Missing API key."}}`))
}

// knows answers like a service that knows every key. No limit is reached, and all keys have the
// same subscription.
func knows(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") == "" {
		refuse(w, r)
		return
	}
	_, _ = w.Write([]byte(`{"workspaceID":"w","userID":"u","rollingUsage":{"status":"ok","resetInSec":60,"usagePercent":1},
"weeklyUsage":{"status":"ok","resetInSec":60,"usagePercent":1},"monthlyUsage":{"status":"ok","resetInSec":60,"usagePercent":1}}`))
}
