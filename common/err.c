#include "common/err.h"

const char *zk_err_text(int err)
{
    switch (err) {
#define ZK_ERR(name, value, text)                                                                                      \
    case value:                                                                                                        \
        return text;
#include "common/err.def"
#undef ZK_ERR
    default:
        return "unknown error";
    }
}
