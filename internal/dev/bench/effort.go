package main

import "time"

// effort is how much is measured. More rounds make the medians less sensitive to other load on the
// machine.
type effort struct {
	latencyRounds, latencyRequests int           // requests on each route in one round
	bodyRequests                   int           // the same, with a large body
	loadRounds                     int           // rounds at each number of clients
	loadWindow                     time.Duration // how long each route is under load in one round
	streamRounds, streams          int           // streams on each route in one round
	failovers                      int           // fail-overs to accounts whose key is in memory
	freshGateways                  int           // each makes accounts-1 fail-overs that fetch a key
	memoryTime                     time.Duration // how long 100 streams are watched
	settle                         time.Duration // the pause between the start of the last stream and the first sample
	quietRequests                  int
	commandRounds                  int      // runs of each short command
	residentRounds                 int      // runs of each command whose memory is measured
	startRounds                    int      // starts of OpenCode by each method, up to its first request
	versionRounds                  int      // runs of `opencode --version`, by each method
	initRounds                     int      // starts of which the initialization is traced
	warmUps                        int      // rounds before the measurement, which are discarded
	openCode                       []string // further environment variables of OpenCode
}

var (
	full = effort{
		latencyRounds: 15, latencyRequests: 1000, bodyRequests: 200,
		loadRounds: 11, loadWindow: 400 * time.Millisecond,
		streamRounds: 15, streams: 10,
		failovers: 200, freshGateways: 6,
		memoryTime: 3 * time.Second, settle: time.Second, quietRequests: 1000,
		commandRounds: 100, residentRounds: 9, startRounds: 10, versionRounds: 20, initRounds: 20, warmUps: 1,
	}
	short = effort{
		latencyRounds: 1, latencyRequests: 60, bodyRequests: 20,
		loadRounds: 1, loadWindow: 100 * time.Millisecond,
		streamRounds: 1, streams: 2,
		failovers: 10, freshGateways: 1,
		memoryTime: 200 * time.Millisecond, quietRequests: 50,
		commandRounds: 1, residentRounds: 1, startRounds: 1, versionRounds: 1, initRounds: 1, warmUps: 0,
	}
)
