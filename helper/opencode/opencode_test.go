package opencode_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ocgo-key/helper/opencode"
)

func TestIs(t *testing.T) {
	for command, want := range map[string]bool{"opencode": true, "/usr/local/bin/opencode": true, `C:\bin\OpenCode.exe`: true, "opencode.exe": true, `C:\npm\opencode.cmd`: true, "opencode.ps1": true, "opencode.cmd.txt": false,
		"opencode-wrapper": false, "sh": false, "": false, "/opencode/bin/other": false} {
		assert.Equal(t, want, opencode.Is(command), command)
	}
}

func TestParseAndResume(t *testing.T) {
	for line, want := range map[string]struct {
		kind   opencode.Kind
		joins  bool
		resume string
	}{
		"run hi":                                  {opencode.Run, false, "run --session S -- T"},
		"run -m opencode-go/kimi-k2.6 hi there":   {opencode.Run, false, "run -m opencode-go/kimi-k2.6 --session S -- T"},
		"run --model=x --format json --agent a h": {opencode.Run, false, "run --model=x --format json --agent a --session S -- T"},
		"run -c hi":                               {opencode.Run, true, "run --session S -- T"},
		"run -s OLD hi":                           {opencode.Run, true, "run --session S -- T"},
		"run --session=OLD --fork hi":             {opencode.Run, false, "run --session S -- T"},
		"run hi -f a.txt b.txt --thinking":        {opencode.Run, false, "run --thinking --session S -- T"},
		"run --title x --command c --share hi":    {opencode.Run, false, "run --session S -- T"},
		"run -m x -- -c run":                      {opencode.Run, false, "run -m x --session S -- T"},
		"--print-logs run -v2 hi":                 {opencode.Run, false, "run --print-logs -v2 --session S -- T"},
		"--log-level DEBUG run hi":                {opencode.Run, false, "run --log-level DEBUG --session S -- T"},
		"run --dir /x --variant high hi":          {opencode.Run, false, "run --dir /x --variant high --session S -- T"},
		"":                                        {opencode.TUI, false, "--port P --session S"},
		"proj":                                    {opencode.TUI, false, "proj --port P --session S"},
		"proj -c -m x --prompt hello":             {opencode.TUI, true, "proj -m x --port P --session S"},
		"-s OLD --port 99":                        {opencode.TUI, true, "--port 99 --session S"},
		"--port=99 --agent a":                     {opencode.TUI, false, "--port=99 --agent a --session S"},
		"--port 0":                                {opencode.TUI, false, "--port 0 --port P --session S"},
		"serve --port 1":                          {opencode.Other, false, ""},
		"auth login":                              {opencode.Other, false, ""},
		"--version":                               {opencode.Other, false, ""},
		"run --help":                              {opencode.Other, false, ""},
		"-m":                                      {opencode.TUI, false, "-m --port P --session S"},
		"run -s":                                  {opencode.Run, true, "run --session S -- T"},
		"models opencode-go --verbose":            {opencode.Other, false, ""},
		"./models":                                {opencode.TUI, false, "./models --port P --session S"},
	} {
		inv := opencode.Parse(strings.Fields(line))
		assert.Equal(t, want.kind, inv.Kind, line)
		assert.Equal(t, want.joins, inv.Joins, line)
		var resumed []string
		switch inv.Kind {
		case opencode.Run:
			resumed = inv.ResumeRun("S", "T")
		case opencode.TUI:
			resumed, _ = inv.ResumeTUI("S", "P")
		}
		assert.Equal(t, want.resume, strings.Join(resumed, " "), line)
	}
	_, port := opencode.Parse([]string{"--port", "99"}).ResumeTUI("S", "P")
	assert.Equal(t, "99", port)
	_, port = opencode.Parse([]string{"--port=99"}).ResumeTUI("S", "P")
	assert.Equal(t, "99", port)
	_, port = opencode.Parse(nil).ResumeTUI("S", "P")
	assert.Equal(t, "P", port)
}

var gateway = map[string]opencode.Endpoint{opencode.GoProvider: {BaseURL: "http://127.0.0.1:1/v1", Headers: map[string]string{"x-own": "token"}}}

func TestMergeConfig(t *testing.T) {
	const (
		address = `"apiKey":"ocgo-placeholder","baseURL":"http://127.0.0.1:1/v1"`
		options = `{` + address + `,"headers":{"x-own":"token"}}`
		second  = `"providers":{"opencode-go":{"env":[],"headers":{"x-own":"token"},"settings":{` + address + `}}}`
		ours    = `"provider":{"opencode-go":{"env":[],"options":` + options + `}},` + second
	)
	for user, want := range map[string]string{
		"":                        `{` + ours + `}`,
		"{}":                      `{` + ours + `}`,
		" \n":                     `{` + ours + `}`,
		"\ufeffnull":              `{` + ours + `}`,
		`{"provider":null}`:       `{` + ours + `}`,
		`{"model":"x", /* c */ }`: `{"model":"x",` + ours + `}`,
		`{"provider":{"other":{"options":{"apiKey":"theirs"}},"opencode-go":{"name":"n","options":{"apiKey":"old","timeout":1.50}}}}`: `{"provider":{"opencode-go":{"env":[],"name":"n","options":{` + address + `,"headers":{"x-own":"token"},"timeout":1.50}},"other":{"options":{"apiKey":"theirs"}}},` + second + `}`,
		// The user's headers stay, except one with the name of ours.
		`{"provider":{"opencode-go":{"options":{"headers":{"Authorization":"a","X-OWN":"b"}}}}}`:  `{"provider":{"opencode-go":{"env":[],"options":{` + address + `,"headers":{"Authorization":"a","x-own":"token"}}}},` + second + `}`,
		`{"providers":{"opencode-go":{"headers":{"X-Own":"b"},"settings":{"x":1,"apiKey":"k"}}}}`: `{"provider":{"opencode-go":{"env":[],"options":` + options + `}},"providers":{"opencode-go":{"env":[],"headers":{"x-own":"token"},"settings":{` + address + `,"x":1}}}}`,
		// The order of members that we do not change stays, since it can have a meaning
		// (permissions).
		`{"permission":{"bash":{"z":"allow","*":"deny"}}}`: `{"permission":{"bash":{"z":"allow","*":"deny"}},` + ours + `}`,
		// OpenCode replaces {env:…} and {file:…} with values before it parses the text.
		`{"autoupdate":{env:AU},"model":"{env:M}" /* "{env:X} */, "share":{file:./a b}}`: `{"autoupdate":{env:AU},"model":"{env:M}",` + ours + `,"share":{file:./a b}}`,
		"{\"a\":{env:A},//{env:B}\n\"b\":[{env:A},\"\\\"{env:A}\"]}":                     "{\"a\":{env:A},\"b\":[{env:A},\"\\\"{env:A}\"]," + ours + "}",
	} {
		got, err := opencode.MergeConfig(user, gateway)
		require.NoError(t, err, user)
		assert.Equal(t, want, got, user)
	}
}

// For a provider without an address, only the keys from the environment are disabled.
func TestMergeConfigKeepsAProviderFromTheEnvironment(t *testing.T) {
	got, err := opencode.MergeConfig(`{"provider":{"opencode":{"options":{"apiKey":"theirs"},"env":["X"]}}}`, map[string]opencode.Endpoint{opencode.ZenProvider: {}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"provider":{"opencode":{"options":{"apiKey":"theirs"},"env":[]}},"providers":{"opencode":{"env":[]}}}`, got)
}

func TestMergeConfigRefusesWithoutQuoting(t *testing.T) {
	for _, user := range []string{"sk-secret", `{"a":"sk-secret`, `["sk-secret"]`, `"sk-secret"`, "0", `{"provider":"sk-secret"}`, `{"provider":{"opencode-go":["sk-secret"]}}`, `{"provider":{env:X}}`, `{"a":{env:X} {file:sk-secret}}`, `{"a":{env:sk-secret`} {
		_, err := opencode.MergeConfig(user, gateway)
		require.ErrorIs(t, err, opencode.ErrConfig, user)
		assert.NotContains(t, err.Error(), "sk-secret")
		assert.Contains(t, err.Error(), opencode.ConfigVariable)
	}
}

func FuzzMergeConfig(f *testing.F) {
	for _, s := range []string{"", "{}", `{"provider":{"opencode-go":{"options":{"x":1}}}}`, "{//c\n}", "[", `{"provider":1}`, `{"a":{env:A},"b":"{env:B}"}`, `"//{env:A}"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, user string) {
		merged, err := opencode.MergeConfig(user, gateway)
		if err != nil {
			return
		}
		var config struct {
			Provider map[string]struct {
				Options struct {
					BaseURL, APIKey string
					Headers         map[string]string
				} `json:"options"`
			} `json:"provider"`
		}
		if err := json.Unmarshal([]byte(merged), &config); err != nil {
			return // a member of the user's configuration has another type, which OpenCode may refuse
		}
		ours, want := config.Provider[opencode.GoProvider].Options, gateway[opencode.GoProvider]
		if ours.BaseURL != want.BaseURL || ours.APIKey != opencode.PlaceholderKey || ours.Headers["x-own"] != "token" {
			t.Errorf("%q became %q", user, merged)
		}
	})
}

func TestContinue(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	posts, lost := 0, make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		assert.Equal(t, "u:p", user+":"+password)
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		first := len(asked) == 1
		if r.Method == http.MethodPost {
			posts++
		}
		firstPost := posts == 1
		mu.Unlock()
		switch {
		case first:
			w.WriteHeader(http.StatusServiceUnavailable) // the server is still starting
		case r.URL.Path == "/session/status":
			_, _ = w.Write([]byte("{}"))
		case r.Method == http.MethodPost && firstPost: // accepted, and never processed
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			close(lost)
		}
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	s := opencode.Server{Port: u.Port(), Username: "u", Password: "p"}
	require.NoError(t, s.Continue(t.Context(), "ses_1"))
	<-lost
	const session, message, status = "GET /session/ses_1", "POST /session/ses_1/message", "GET /session/status"
	assert.Equal(t, []string{session, session, message, status, session, message}, asked)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Continue(ctx, "ses_1"), context.Canceled)
}
