/* eq_layers.h - included before a generated model (-include) so that each layer ends in a mark. */
#ifndef EQ_LAYERS_H
#define EQ_LAYERS_H

#include "eq_port.h"

#define EQ_LAYER_DONE(layer) EQ_COUNT_LAYER()

#endif
