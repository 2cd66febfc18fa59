#ifndef QNT_QNT_H
#define QNT_QNT_H
/** libqnt: trains, compresses and runs quantized neural networks. Includes every public header. */
#include <qnt/status.h>
#include <qnt/cpu.h>
#include <qnt/model.h>
#include <qnt/import.h>
#include <qnt/export.h>
#include <qnt/session.h>
#include <qnt/engine.h>
#include <qnt/server.h>
#include <qnt/client.h>
#include <qnt/profile.h>
#include <qnt/quantize.h>
#include <qnt/train.h>
#endif
