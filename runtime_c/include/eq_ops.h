/* eq_ops.h - every operator of the runtime, one header a family. Any ISA. */
#ifndef EQ_OPS_H
#define EQ_OPS_H

#include "eq_conv.h"
#include "eq_dense.h"
#include "eq_detect.h"
#include "eq_elementwise.h"
#include "eq_move.h"
#include "eq_norm.h"
#include "eq_pool.h"
#include "eq_recurrent.h"

#endif
