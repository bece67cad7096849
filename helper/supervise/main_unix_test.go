//go:build unix

package supervise

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes this program act as OpenCode 2: as the server if its first argument is
// "serve", otherwise as the client. Its value is the folder of the file in which both record
// events.
const roleVariable = "SUPERVISE_TEST_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(roleVariable); folder != "" {
		play(folder, os.Args[1:])
	}
	os.Exit(m.Run())
}

func play(folder string, args []string) {
	if len(args) > 0 && args[0] == "serve" {
		(&fakeServer{folder: folder, active: map[string]bool{}}).serve()
		os.Exit(0)
	}
	os.Exit(playClient(folder, args))
}

// note appends a line to the file notes in this folder.
func note(folder, format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(folder, "notes"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer func() { _ = f.Close() }()
	_, _ = fmt.Fprintf(f, format+"\n", args...)
}

// fakeServer answers like a server of OpenCode 2. A session with the prompt "stay" has a running turn
// until it is interrupted.
type fakeServer struct {
	folder string
	mu     sync.Mutex
	active map[string]bool
	failed bool // the last turn ended because of a usage limit
}

func (s *fakeServer) serve() {
	signal.Ignore(syscall.SIGINT) // a test sends the signal to the whole group; the real server has its own session, and does not get it
	switch os.Getenv("SUPERVISE_TEST_SERVER") {
	case "fails":
		os.Exit(3)
	case "elsewhere":
		fmt.Println(`{"url":"http://192.0.2.1:1"}`)
	case "mute":
		note(s.folder, "mute")
	default:
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			panic(err)
		}
		go func() { _ = http.Serve(l, s) }()
		fmt.Printf(`{"url":"http://%s"}`+"\n", l.Addr())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.mu.Lock()
	note(s.folder, "server ends with %d turns", len(s.active))
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, password, _ := r.BasicAuth(); user != "opencode" || password != os.Getenv("OPENCODE_PASSWORD") || password == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	switch path := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/"), "/"); {
	case r.Method == http.MethodPost && r.URL.Path == "/begin": // by the client
		s.active[r.URL.Query().Get("session")] = true
	case r.Method == http.MethodPost && r.URL.Path == "/fail":
		s.failed = true
	case r.URL.Path == "/api/session/active":
		data := map[string]any{}
		for id := range s.active {
			data[id] = map[string]string{"type": "running"}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	case r.Method == http.MethodPost && len(path) == 3 && path[2] == "interrupt":
		note(s.folder, "interrupt %s", path[1])
		delete(s.active, path[1])
	case r.Method == http.MethodPost && len(path) == 3 && path[2] == "prompt":
		body, _ := io.ReadAll(r.Body)
		note(s.folder, "prompt %s %s", path[1], body)
	case r.Method == http.MethodGet && len(path) == 2 && path[1] != "active":
		_, _ = fmt.Fprint(w, `{"data":{"metadata":{"of":"a plugin"}}}`)
	case r.Method == http.MethodPatch && len(path) == 2:
		body, _ := io.ReadAll(r.Body)
		note(s.folder, "patch %s %s", path[1], body)
	case r.Method == http.MethodDelete && len(path) == 2:
		note(s.folder, "delete %s", path[1])
	case r.Method == http.MethodGet && len(path) == 3 && path[2] == "message":
		kind := ""
		if s.failed {
			kind = "provider.quota"
		}
		s.failed = false
		_, _ = fmt.Fprintf(w, `{"data":[{"type":"idle"},{"type":"assistant","error":{"type":%q}},{"type":"user"}]}`, kind)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// playClient acts as a client. Its last argument, the prompt, says what it does.
func playClient(folder string, args []string) int {
	i := slices.Index(args, "--server")
	url := args[i+1]
	shown := slices.Concat(args[:i], []string{"--server", "URL"}, args[i+2:])
	input, _ := io.ReadAll(os.Stdin)
	note(folder, "client %s|%s|%s", strings.Join(shown, "|"), input, os.Getenv("OPENCODE_CONFIG_CONTENT"))
	call := func(path string) {
		req, _ := http.NewRequest(http.MethodPost, url+path, nil)
		req.SetBasicAuth("opencode", os.Getenv("OPENCODE_PASSWORD"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			panic(err)
		}
		_ = resp.Body.Close()
	}
	switch args[len(args)-1] {
	case "stay":
		stopped := make(chan os.Signal, 1)
		signal.Notify(stopped, syscall.SIGTERM, syscall.SIGINT)
		call("/begin?session=ses_1")
		note(folder, "staying")
		select {
		case <-stopped:
			return 130 // as OpenCode does
		case <-time.After(time.Minute):
		}
		return 9
	case "over-limit":
		call("/fail")
		note(folder, "failing")
		return 1
	case "leave":
		call("/begin?session=ses_1")
		return 4
	}
	return 0
}
