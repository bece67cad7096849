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

// gatewayLimit bounds the wait for a connection to an address of this machine.
const gatewayLimit = 2 * time.Second

// background reports a background service of OpenCode 2 that was started with the environment of an
// `ocgo-key run`. Every client of that service uses the run's gateway, which ends with the run.
func (o *openCode) background(ctx context.Context) []Finding {
	service, err := opencode.ReadService(opencode.ServiceFile(o.getenv, o.home))
	if err != nil {
		return nil
	}
	content, err := service.Content(ctx)
	if err != nil || content == nil {
		return nil // it does not run, or was started by nobody with a configuration of their own
	}
	address, ours := opencode.Points(content, keyform.StandIn)
	if !ours || !local(address) {
		return nil
	}
	turns := ""
	if active, _ := service.Active(ctx); len(active) > 0 {
		turns = fmt.Sprintf("; it restarts under %d turns, which then continue with your own key and address", len(active))
		if len(active) == 1 {
			turns = "; a turn is under way, which then continues with your own key and address"
		}
	}
	mend := "env -u " + opencode.ConfigVariable + " opencode service restart"
	if runtime.GOOS == "windows" {
		mend = "$env:" + opencode.ConfigVariable + " = $null; opencode service restart"
	}
	if answers(ctx, address) {
		return []Finding{of(Note, mend, fmt.Sprintf("OpenCode's background service (process %d) was started by something under `ocgo-key run`, and uses that run's gateway: it ends with the run%s", service.PID, turns))}
	}
	return []Finding{of(Problem, mend, fmt.Sprintf("OpenCode's background service (process %d) was started by something under `ocgo-key run` that has ended: it sends every request to a gateway that is gone, so that plain `opencode` hangs%s", service.PID, turns))}
}

// local reports whether the address is one of this machine.
func local(address string) bool {
	u, err := url.Parse(address)
	return err == nil && net.ParseIP(u.Hostname()).IsLoopback()
}

// answers reports whether somebody listens at the address.
func answers(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Port() == "" {
		return false
	}
	dialer := net.Dialer{Timeout: gatewayLimit}
	c, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
