#include "server/notify.h"
#include "config.h"
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void notify_ready(void)
{
    sd_notify(0, "READY=1");
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void notify_status(const char *text)
{
    sd_notifyf(0, "STATUS=%s", text);
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t interval_us = 0;
    return sd_watchdog_enabled(0, &interval_us) > 0 ? interval_us / 1000 : 0;
}

void notify_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

#else

void notify_ready(void)
{
}

void notify_stopping(void)
{
}

void notify_status(const char *text)
{
}

uint64_t notify_watchdog_ms(void)
{
    return 0;
}

void notify_alive(void)
{
}

#endif
