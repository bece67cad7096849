package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"time"

	"ocgo-key/helper/opencode"
	"ocgo-key/internal/keyform"
)

// gatewayLimit is the time limit for connecting to an address of this machine.
const gatewayLimit = 2 * time.Second

// background reports a background service of OpenCode 2 that was started with the environment of an
// `ocgo-key run`. Every client of that service uses the run's gateway, which ends with the run.
func (o *openCode) background(ctx context.Context, r *Result) {
	service, err := opencode.ReadService(opencode.ServiceFile(o.getenv, o.home))
	if err != nil {
		return
	}
	content, err := service.Content(ctx)
	if err != nil || content == nil {
		return // the service does not run, or its environment has no configuration
	}
	address, ours := opencode.Points(content, keyform.StandIn)
	u, err := url.Parse(address)
	if !ours || err != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		return
	}
	turns := ""
	if active, _ := service.Active(ctx); len(active) > 0 {
		turns = fmt.Sprintf("; the restart interrupts %d turns, which then continue with your own key and address", len(active))
		if len(active) == 1 {
			turns = "; the restart interrupts a turn, which then continues with your own key and address"
		}
	}
	fix := "env -u " + opencode.ConfigVariable + " opencode service restart"
	if runtime.GOOS == "windows" {
		fix = "$env:" + opencode.ConfigVariable + " = $null; opencode service restart"
	}
	if u.Port() != "" && listening(ctx, u.Host) {
		r.found(Note, fix, "OpenCode's background service (process %d) was started under `ocgo-key run`, and uses that run's gateway: it ends with the run%s", service.PID, turns)
		return
	}
	r.found(Problem, fix, "OpenCode's background service (process %d) was started under an `ocgo-key run` that has ended: it sends every request to a gateway that is gone, so that plain `opencode` hangs%s", service.PID, turns)
}

// listening reports whether a program listens at the address, HOST:PORT.
func listening(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: gatewayLimit}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}
